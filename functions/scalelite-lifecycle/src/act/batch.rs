//! What goes in one call for many servers.

use std::{borrow::Cow, sync::Arc};

use aws_sdk_ec2::types::Tag;
use function_runtime::AwsError;
use server_pool::{Action, Moment, Step};

use super::{ActError, group::is_validation, names};
use crate::{clients::Clients, environment::Environment, observe::ByName};

/// What is the same in all actions that go in one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Batch {
    Tag { key: Cow<'static, str>, at: Moment },
    Untag { key: Cow<'static, str> },
    Records,
    EnterStandby { decrement: bool },
    ExitStandby,
}

impl Batch {
    /// With which others a step can go.
    pub(super) fn of(step: &Step) -> Option<Self> {
        match step {
            Step::Tag { key, at } => Some(Self::Tag { key: key.clone(), at: *at }),
            Step::Untag { key } => Some(Self::Untag { key: key.clone() }),
            Step::WriteRecord(_) | Step::RemoveRecord(_) => Some(Self::Records),
            Step::EnterStandby { decrement } => Some(Self::EnterStandby { decrement: *decrement }),
            Step::ExitStandby => Some(Self::ExitStandby),
            Step::Heartbeat
            | Step::Register { .. }
            | Step::UpdateSecret { .. }
            | Step::Enable { .. }
            | Step::Cordon { .. }
            | Step::Deregister { .. }
            | Step::CompleteLaunch
            | Step::CompleteTermination
            | Step::Terminate => None,
        }
    }

    /// How many a call takes, at most.
    pub(super) fn most(&self) -> usize {
        match self {
            // EC2 takes a thousand resources.
            Self::Tag { .. } | Self::Untag { .. } => 500,
            // The zone divides them by itself.
            Self::Records => usize::MAX,
            Self::EnterStandby { .. } | Self::ExitStandby => 20,
        }
    }

    /// Makes the call, and says of each action whether it was done.
    pub(super) async fn send(
        &self,
        clients: &Clients,
        environment: &Environment,
        records: &ByName,
        actions: &[&Action],
    ) -> Vec<Result<(), ActError>> {
        let group = &environment.settings.group;
        let (auto_scaling, ec2) = (&clients.auto_scaling, &clients.ec2);
        match self {
            Self::Tag { key, at } => {
                let tag = Tag::builder().key(key.as_ref()).value(at.to_string()).build();
                let call = async |ids| {
                    let call = ec2.create_tags().set_resources(Some(ids)).tags(tag.clone());
                    call.send().await.map(drop).map_err(AwsError::from)
                };
                in_halves(actions, call, |_| false, ActError::Tag).await
            }
            Self::Untag { key } => {
                // Without a value EC2 removes the tag whatever its value is.
                let tag = Tag::builder().key(key.as_ref()).build();
                let call = async |ids| {
                    let call = ec2.delete_tags().set_resources(Some(ids)).tags(tag.clone());
                    call.send().await.map(drop).map_err(AwsError::from)
                };
                in_halves(actions, call, |_| false, ActError::Untag).await
            }
            Self::EnterStandby { decrement } => {
                let call = async |ids| {
                    let call = auto_scaling
                        .enter_standby()
                        .auto_scaling_group_name(group)
                        .set_instance_ids(Some(ids))
                        .should_decrement_desired_capacity(*decrement);
                    call.send().await.map(drop).map_err(AwsError::from)
                };
                let raced = |error: &AwsError| is_validation(error, "is not in InService");
                in_halves(actions, call, raced, ActError::EnterStandby).await
            }
            Self::ExitStandby => {
                let call = async |ids| {
                    let call = auto_scaling.exit_standby().auto_scaling_group_name(group).set_instance_ids(Some(ids));
                    call.send().await.map(drop).map_err(AwsError::from)
                };
                let raced = |error: &AwsError| is_validation(error, "is not in Standby");
                in_halves(actions, call, raced, ActError::ExitStandby).await
            }
            Self::Records => {
                let groups: Vec<_> = actions.iter().map(|action| changes(&action.step, records)).collect();
                let results = clients.zone.change_many(&groups).await;
                results.into_iter().map(|result| result.map_err(ActError::Records)).collect()
            }
        }
    }
}

fn changes(step: &Step, records: &ByName) -> hosted_zone::Together {
    let standing = |name: &str| records.get(name).map(Vec::as_slice).unwrap_or_default();
    match step {
        Step::WriteRecord(record) => names::write(record, standing(&record.name)),
        Step::RemoveRecord(record) => names::remove(standing(&record.name)),
        _ => Vec::new(),
    }
}

/// How many refusals are followed up in one tick. Finding one instance among hundreds takes ten; more than a few are left for the next tick.
const REFUSALS: usize = 24;

/// Makes one call for all. What AWS refuses because of one instance it refuses for all, so it is tried again in halves. What is refused because
/// an instance has been moved already, as `raced` tells, is done; the next tick sees where it is.
async fn in_halves(
    actions: &[&Action],
    call: impl AsyncFn(Vec<String>) -> Result<(), AwsError>,
    raced: impl Fn(&AwsError) -> bool,
    failed: impl Fn(Arc<AwsError>) -> ActError,
) -> Vec<Result<(), ActError>> {
    let mut results = Vec::with_capacity(actions.len());
    let mut refusals = 0;
    let mut parts = vec![actions];
    while let Some(part) = parts.pop() {
        let ids = part.iter().map(|action| action.server.as_str().to_owned()).collect();
        match call(ids).await {
            Ok(()) => results.extend(part.iter().map(|_| Ok(()))),
            Err(error) if part.len() > 1 && is_about_instances(&error) && refusals < REFUSALS => {
                refusals += 1;
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            Err(error) if part.len() == 1 && raced(&error) => results.push(Ok(())),
            Err(error) => {
                let error = failed(Arc::new(error));
                results.extend(part.iter().map(|_| Err(error.clone())));
            }
        }
    }
    results
}

/// Whether a refusal may be due to one of the instances, and not to the call or the caller.
fn is_about_instances(error: &AwsError) -> bool {
    error.code().is_some_and(|code| {
        code.starts_with("InvalidInstanceID") || code.starts_with("InvalidID") || code == "ValidationError"
    })
}
