//! A function that invokes itself, for waits longer than one invocation.

use std::env;

use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use aws_types::SdkConfig;
use custom_resource::{Reinvoke, Reinvoked};

use crate::AwsError;

/// Lambda's `Invoke` on the running function, asynchronously. Needs `lambda:InvokeFunction` on itself.
#[derive(Debug, Clone)]
pub struct SelfInvocation {
    client: Client,
    function: String,
}

impl SelfInvocation {
    /// For the function that the environment names.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config), function: env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default() }
    }
}

impl Reinvoke for SelfInvocation {
    fn reinvoke<'a>(&'a self, event: &'a [u8]) -> Reinvoked<'a> {
        Box::pin(async move {
            self.client
                .invoke()
                .function_name(&self.function)
                .invocation_type(InvocationType::Event)
                .payload(Blob::new(event))
                .send()
                .await
                .map_err(AwsError::from)?;
            Ok(())
        })
    }
}
