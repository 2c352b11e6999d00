//! What an operator asks for. A wish is written on the instance, where every tick finds it until it is taken back.

use std::sync::Arc;

use aws_sdk_ec2::types::Tag;
use function_runtime::AwsError;
use server_pool::{
    InstanceId, Reading,
    tag::{self, Wish},
};
use tokio::time::Instant;
use tracing::info;

use crate::{clients::Clients, environment::Environment, error::Error, observe, request::Operator};

/// Writes down, or strikes out, what is wanted of a server of the group.
pub(crate) async fn note(
    clients: &Clients,
    environment: &Environment,
    wanted: &Operator,
    deadline: Instant,
) -> Result<(), Error> {
    let (server, wish) = match wanted {
        Operator::List {} | Operator::Reconcile {} => return Ok(()),
        Operator::Cordon(server) => (server, Some(Wish::Cordon)),
        Operator::Drain(server) => (server, Some(Wish::Drain)),
        Operator::Remove(server) => (server, Some(Wish::Remove)),
        Operator::Enable(server) => (server, None),
    };
    let id = instance(&server.server, &environment.settings.domain)?;
    is_member(clients, environment, &id, deadline).await?;
    let failed = |error| Error::Wish(Arc::new(AwsError::from(error)));
    match wish {
        Some(wish) => {
            let tag = Tag::builder().key(tag::WISH).value(wish.as_str()).build();
            let call = clients.ec2.create_tags().resources(id.as_str()).tags(tag);
            call.send().await.map_err(|error| Error::Wish(Arc::new(AwsError::from(error))))?;
        }
        None => {
            let call = clients.ec2.delete_tags().resources(id.as_str()).tags(Tag::builder().key(tag::WISH).build());
            call.send().await.map_err(failed)?;
        }
    }
    info!(server = id.as_str(), wish = wish.map_or("none", Wish::as_str), "noted what the operator wants");
    Ok(())
}

/// The instance that an operator means: by its id, its name, or the first label of its name.
fn instance(server: &str, domain: &str) -> Result<InstanceId, Error> {
    let text = server.trim().to_ascii_lowercase();
    let by_name =
        || InstanceId::of_host(&text, domain).or_else(|| InstanceId::of_host(&format!("{text}.{domain}"), domain));
    text.parse().ok().or_else(by_name).ok_or_else(|| Error::NotAServer(server.to_owned()))
}

async fn is_member(
    clients: &Clients,
    environment: &Environment,
    id: &InstanceId,
    deadline: Instant,
) -> Result<(), Error> {
    let group = || environment.settings.group.clone();
    match observe::group(clients, environment, deadline).await {
        Reading::Known(known) if known.members.contains_key(id) => Ok(()),
        Reading::Known(_) | Reading::Absent => Err(Error::NoSuchServer { group: group(), server: id.to_string() }),
        Reading::Failed { why } => Err(Error::Group { group: group(), why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_its_id_or_its_name() {
        let expected: InstanceId = "i-0123456789abcdef0".parse().unwrap();
        for text in [
            "i-0123456789abcdef0",
            " I-0123456789ABCDEF0 ",
            "vc-0123456789abcdef0",
            "vc-0123456789abcdef0.Meet.example.org",
            "vc-0123456789abcdef0.meet.example.org.",
        ] {
            assert_eq!(instance(text, "meet.example.org").unwrap(), expected, "{text}");
        }
        for text in ["", "i-1", "moodle", "vc-0123456789abcdef0.example.org"] {
            assert!(matches!(instance(text, "meet.example.org"), Err(Error::NotAServer(_))), "{text}");
        }
    }
}
