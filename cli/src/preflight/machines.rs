//! Zones, types and quotas: what can be asked about machines, in the order in which one answer needs another.

use futures_util::future::join_all;

use super::finding::Finding;
use super::{quotas, types};
use crate::aws::Aws;

/// Looks at them; `there` gives the parameters of the deployment as it is, if it is.
pub(super) async fn look(
    aws: &Aws,
    value: &dyn Fn(&str) -> String,
    there: Option<&dyn Fn(&str) -> String>,
) -> Vec<Finding> {
    let (ec2, rds, quotas, cloudwatch) = (aws.ec2(), aws.rds(), aws.quotas(), aws.cloudwatch());
    let server = value("BBBApplicationInstanceType");
    let worker = Some(value("BBBECSInstanceType")).filter(|kind| kind != "fargate");
    let mut findings = Vec::new();
    let (place, server_size, worker_size) =
        tokio::join!(types::place(&ec2, value), types::size(&ec2, &server), async {
            match &worker {
                Some(worker) => types::size(&ec2, worker).await,
                None => Ok(None),
            }
        });
    match place {
        Ok(place) => {
            let kinds = [("BBBApplicationInstanceType", Some(&server)), ("BBBECSInstanceType", worker.as_ref())];
            let kinds = kinds.into_iter().filter_map(|(parameter, kind)| Some((parameter, kind?)));
            let offered = join_all(kinds.map(async |(parameter, kind)| match types::zones_with(&ec2, kind).await {
                Ok(has) => types::offered(parameter, kind, &place.computing, &has),
                Err(note) => Some(note),
            }));
            let (offered, database) = tokio::join!(offered, types::database(&rds, value, &place.data));
            findings.extend(offered.into_iter().flatten().chain(database));
        }
        Err(finding) => findings.push(finding),
    }
    let mut known = |size: Result<Option<types::Size>, Finding>| {
        size.unwrap_or_else(|note| {
            findings.push(note);
            None
        })
    };
    let (server_is_known, server_size) = (server_size.is_ok(), known(server_size));
    let worker_size = known(worker_size);
    if server_is_known {
        findings.extend(types::sufficient(&server, server_size));
    }
    let mut needs = quotas::needs(value, server_size, worker_size);
    if let Some(there) = there {
        // The sizes of types that are left behind are not asked for; what they used counts as none.
        let same = |name: &str, size| size_if(there(name) == value(name), size);
        let sizes = (same("BBBApplicationInstanceType", server_size), same("BBBECSInstanceType", worker_size));
        needs = quotas::growth(needs, &quotas::needs(there, sizes.0, sizes.1));
    }
    needs.retain(quotas::Need::is_some);
    let looked = join_all(needs.into_iter().map(|need| quotas::look(&quotas, &cloudwatch, &ec2, need))).await;
    for finding in looked.into_iter().flatten() {
        // Who may not ask about one may not ask about the others.
        if !findings.iter().any(|known| known.remedy == finding.remedy) {
            findings.push(finding);
        }
    }
    findings
}

fn size_if(is_same: bool, size: Option<types::Size>) -> Option<types::Size> {
    size.filter(|_| is_same)
}
