//! The roles by which AWS's services act in the account. A service makes its role when it is first used, and that often comes too late for the stack that
//! uses it.

use aws_sdk_iam::Client;
use futures_util::future::join_all;

use super::finding::Finding;
use crate::words::words_of;

/// A role that belongs to a service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServiceRole {
    name: &'static str,
    service: &'static str,
    uses: &'static str,
}

/// The names are in the documentation of each service ("service-linked roles for ...").
const ROLES: [ServiceRole; 7] = [
    ServiceRole {
        name: "AWSServiceRoleForAutoScaling",
        service: "autoscaling.amazonaws.com",
        uses: "the pool of servers",
    },
    ServiceRole { name: "AWSServiceRoleForECS", service: "ecs.amazonaws.com", uses: "Greenlight and Scalelite" },
    ServiceRole {
        name: "AWSServiceRoleForApplicationAutoScaling_ECSService",
        service: "ecs.application-autoscaling.amazonaws.com",
        uses: "the number of their tasks",
    },
    ServiceRole {
        name: "AWSServiceRoleForElasticLoadBalancing",
        service: "elasticloadbalancing.amazonaws.com",
        uses: "the load balancers",
    },
    ServiceRole { name: "AWSServiceRoleForRDS", service: "rds.amazonaws.com", uses: "the database" },
    ServiceRole { name: "AWSServiceRoleForElastiCache", service: "elasticache.amazonaws.com", uses: "the cache" },
    ServiceRole {
        name: "AWSServiceRoleForAmazonElasticFileSystem",
        service: "elasticfilesystem.amazonaws.com",
        uses: "the file system",
    },
];

/// Which of the roles are not there, and what is to be said about that.
pub(super) async fn look(iam: &Client) -> (Vec<Finding>, Vec<&'static ServiceRole>) {
    let asked = join_all(ROLES.iter().map(async |role| (role, iam.get_role().role_name(role.name).send().await))).await;
    let mut missing = Vec::new();
    let mut findings = Vec::new();
    for (role, answer) in asked {
        match answer {
            Ok(_) => {}
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(aws_sdk_iam::operation::get_role::GetRoleError::is_no_such_entity_exception) =>
            {
                missing.push(role);
            }
            // The others would say the same.
            Err(error) if findings.is_empty() => {
                findings.push(Finding::unknown("the services' roles", &error, "iam:GetRole"));
            }
            Err(_) => {}
        }
    }
    findings.extend(found(&missing));
    (findings, missing)
}

fn found(missing: &[&ServiceRole]) -> Option<Finding> {
    if missing.is_empty() {
        return None;
    }
    let uses: Vec<String> = missing.iter().map(|role| format!("{} ({})", role.service, role.uses)).collect();
    let commands: Vec<String> = missing
        .iter()
        .map(|role| format!("aws iam create-service-linked-role --aws-service-name {}", role.service))
        .collect();
    Some(Finding::warning(
        format!("services of AWS have no role in this account yet: {}", uses.join(", ")),
        "A service makes its role when it is first used, and the stack that uses it may fail before the role is known everywhere.",
        format!("let bbb deploy make them (it asks, or has --yes), or run: {}", commands.join("; ")),
    ))
}

/// Makes roles. One that somebody else made meanwhile is as good.
///
/// # Errors
///
/// What could not be made, in words.
pub(super) async fn make(iam: &Client, missing: &[&'static ServiceRole]) -> Result<(), String> {
    for role in missing {
        let made = iam.create_service_linked_role().aws_service_name(role.service).send().await;
        if let Err(error) = made
            && iam.get_role().role_name(role.name).send().await.is_err()
        {
            return Err(format!("{} could not be made: {}", role.name, words_of(&error)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::error::ErrorMetadata;
    use aws_sdk_iam::operation::create_service_linked_role::{
        CreateServiceLinkedRoleError, CreateServiceLinkedRoleOutput,
    };
    use aws_sdk_iam::operation::get_role::{GetRoleError, GetRoleOutput};
    use aws_sdk_iam::types::error::{InvalidInputException, NoSuchEntityException};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;

    fn absent() -> GetRoleError {
        GetRoleError::NoSuchEntityException(NoSuchEntityException::builder().message("no").build())
    }

    #[tokio::test]
    async fn missing_roles_are_named_with_the_command_that_makes_them() {
        let none = mock!(Client::get_role)
            .match_requests(|request| request.role_name() == Some("AWSServiceRoleForECS"))
            .then_error(absent);
        let all = mock!(Client::get_role).then_output(|| GetRoleOutput::builder().build());
        let iam = mock_client!(aws_sdk_iam, RuleMode::MatchAny, [&none, &all]);
        let (findings, missing) = look(&iam).await;
        assert_eq!(missing.iter().map(|role| role.service).collect::<Vec<_>>(), ["ecs.amazonaws.com"]);
        assert!(findings.len() == 1 && !findings[0].refuses(), "{findings:?}");
        assert!(findings[0].remedy.contains("create-service-linked-role --aws-service-name ecs.amazonaws.com"));
    }

    #[tokio::test]
    async fn who_may_not_ask_gets_one_note() {
        let denied = mock!(Client::get_role)
            .then_error(|| GetRoleError::generic(ErrorMetadata::builder().code("AccessDenied").message("no").build()));
        let iam = mock_client!(aws_sdk_iam, RuleMode::MatchAny, [&denied]);
        let (findings, missing) = look(&iam).await;
        assert!(missing.is_empty() && findings.len() == 1, "{findings:?}");
        assert!(findings[0].remedy.contains("iam:GetRole") && !findings[0].refuses());
    }

    #[tokio::test]
    async fn a_role_that_somebody_else_made_meanwhile_is_as_good() {
        let taken = mock!(Client::create_service_linked_role).then_error(|| {
            CreateServiceLinkedRoleError::InvalidInputException(
                InvalidInputException::builder().message("has been taken").build(),
            )
        });
        let there = mock!(Client::get_role).then_output(|| GetRoleOutput::builder().build());
        let iam = mock_client!(aws_sdk_iam, RuleMode::MatchAny, [&taken, &there]);
        assert_eq!(make(&iam, &[&ROLES[0]]).await, Ok(()));
        let absent = mock!(Client::get_role).then_error(absent);
        let iam = mock_client!(aws_sdk_iam, RuleMode::MatchAny, [&taken, &absent]);
        assert!(make(&iam, &[&ROLES[0]]).await.expect_err("refused").contains("AWSServiceRoleForAutoScaling"));
        let made =
            mock!(Client::create_service_linked_role).then_output(|| CreateServiceLinkedRoleOutput::builder().build());
        let iam = mock_client!(aws_sdk_iam, RuleMode::MatchAny, [&made]);
        assert_eq!(make(&iam, &[&ROLES[0], &ROLES[1]]).await, Ok(()));
        assert_eq!(made.num_calls(), 2);
    }
}
