//! The way of answers to CloudFormation: an HTTP client of the kind that AWS is called by.

use std::time::Duration;

use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::{
    client::http::{HttpConnector as _, HttpConnectorSettings},
    http::Request,
};
use aws_smithy_types::body::SdkBody;
use custom_resource::delivery::{Put, Putting};

/// How long the response endpoint may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Sends answers by a connector of the SDK's, which reads the root certificates once for all of its kind. A client of another kind would read them again
/// at every cold start, and be a megabyte of memory and a third of one in the package.
pub(crate) struct Answers(Connector);

impl Answers {
    pub(crate) fn new() -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .build();
        Self(connector)
    }
}

impl Put for Answers {
    fn put<'a>(&'a self, url: &'a str, body: &'a [u8], limit: Duration) -> Putting<'a> {
        Box::pin(async move {
            let mut request = Request::new(SdkBody::from(body));
            request.set_method("PUT")?;
            request.set_uri(url).map_err(|_the_url| "the response URL is not a URL")?;
            // The URL is signed for an empty content type; S3 refuses any other with 403.
            request.headers_mut().insert("content-type", "");
            let response = tokio::time::timeout(limit, self.0.call(request)).await?;
            Ok(response?.status().as_u16())
        })
    }
}
