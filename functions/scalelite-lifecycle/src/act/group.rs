//! What is asked of Auto Scaling for one instance.

use std::sync::Arc;

use aws_sdk_autoscaling::Client;
use function_runtime::AwsError;
use server_pool::{InstanceId, Lifecycle, Warmed, World};

use super::ActError;
use crate::environment::Environment;

/// What a lifecycle action is completed with. At launch the instance goes on into service; at its end both results end it, and this one says that
/// it was meant.
const CONTINUE: &str = "CONTINUE";

/// Has Auto Scaling go on waiting before it ends the instance. The token of the hook's event is not needed where the instance is named.
pub(crate) async fn heartbeat(
    auto_scaling: &Client,
    environment: &Environment,
    world: &World,
    server: &InstanceId,
) -> Result<(), ActError> {
    let member = world.group.known().and_then(|group| group.members.get(server));
    let is_waited_for = matches!(
        member.map(|member| member.lifecycle),
        Some(Lifecycle::TerminatingWait | Lifecycle::Warmed(Warmed::TerminatingWait))
    );
    if !is_waited_for {
        return Err(ActError::NotWaiting);
    }
    let call = auto_scaling
        .record_lifecycle_action_heartbeat()
        .auto_scaling_group_name(&environment.settings.group)
        .lifecycle_hook_name(&environment.terminate_hook)
        .instance_id(server.as_str());
    unless_over(call.send().await.map(drop).map_err(AwsError::from)).map_err(ActError::Heartbeat)
}

/// Has Auto Scaling stop waiting at a hook, and go on.
pub(super) async fn complete(
    auto_scaling: &Client,
    environment: &Environment,
    hook: &str,
    server: &InstanceId,
) -> Result<(), ActError> {
    let call = auto_scaling
        .complete_lifecycle_action()
        .auto_scaling_group_name(&environment.settings.group)
        .lifecycle_hook_name(hook)
        .instance_id(server.as_str())
        .lifecycle_action_result(CONTINUE);
    unless_over(call.send().await.map(drop).map_err(AwsError::from)).map_err(ActError::Complete)
}

/// Has Auto Scaling end the instance, through the hook unless that is behind it, and launch no fewer than before.
pub(super) async fn terminate(auto_scaling: &Client, server: &InstanceId) -> Result<(), ActError> {
    let call = auto_scaling
        .terminate_instance_in_auto_scaling_group()
        .instance_id(server.as_str())
        .should_decrement_desired_capacity(false);
    match call.send().await.map_err(AwsError::from) {
        Ok(_) => Ok(()),
        // It has left the group.
        Err(error) if is_validation(&error, "not found") => Ok(()),
        Err(error) => Err(ActError::Terminate(Arc::new(error))),
    }
}

/// That Auto Scaling no longer waits means that somebody was faster, perhaps this call before its answer was lost.
fn unless_over(result: Result<(), AwsError>) -> Result<(), Arc<AwsError>> {
    match result {
        Err(error) if is_validation(&error, "No active Lifecycle Action") => Ok(()),
        result => result.map_err(Arc::new),
    }
}

/// Auto Scaling has one code for everything that it does not like; only the text tells.
pub(super) fn is_validation(error: &AwsError, text: &str) -> bool {
    error.is("ValidationError") && error.to_string().contains(text)
}
