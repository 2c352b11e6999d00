//! Why an action was not done.

use std::sync::Arc;

use function_runtime::AwsError;

use crate::services::SecretUnknown;

/// Why an action was not done, or why nobody knows whether it was.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ActError {
    #[error("tell Auto Scaling to go on waiting")]
    Heartbeat(#[source] Arc<AwsError>),
    #[error("tell Auto Scaling to go on")]
    Complete(#[source] Arc<AwsError>),
    #[error("have Auto Scaling end the instance")]
    Terminate(#[source] Arc<AwsError>),
    #[error("put the instance on standby")]
    EnterStandby(#[source] Arc<AwsError>),
    #[error("take the instance back from standby")]
    ExitStandby(#[source] Arc<AwsError>),
    #[error("tag the instance")]
    Tag(#[source] Arc<AwsError>),
    #[error("untag the instance")]
    Untag(#[source] Arc<AwsError>),
    #[error("change the name's records")]
    Records(#[source] Arc<hosted_zone::Error>),
    #[error("register the server")]
    Register(#[source] Arc<scalelite::Error>),
    #[error("change the registration")]
    Update(#[source] Arc<scalelite::Error>),
    #[error("clear the registration of meetings")]
    Panic(#[source] Arc<scalelite::Error>),
    #[error("the server has meetings")]
    InUse,
    #[error("Scalelite still has meetings of the server")]
    MeetingsLeft,
    #[error("delete the registration")]
    Delete(#[source] Arc<scalelite::Error>),
    #[error("the registration is gone")]
    NoRegistration,
    #[error(transparent)]
    Services(SecretUnknown),
    #[error("it is in no state in which Auto Scaling waits")]
    NotWaiting,
}
