//! HTTP as it is needed here: no redirects, a limit on time and size, errors without URLs.

use std::time::Duration;

use reqwest::{Certificate, Client, NoProxy, Proxy, RequestBuilder, header::CONTENT_TYPE, redirect};
use tokio::time::Instant;

use crate::body::Body;

/// A server in the same region answers a SYN within milliseconds; Scalelite itself gives a server five seconds (`CONNECT_TIMEOUT`).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longer than the minute between two ticks, so that the next one needs no new handshakes; nginx keeps a connection for 75 s by default.
const IDLE_TIMEOUT: Duration = Duration::from_secs(70);

/// How to reach servers. The default is what the environment says: the system's root certificates or those of `SSL_CERT_FILE`, and `HTTPS_PROXY`.
#[derive(Debug, Clone, Default)]
pub struct TransportOptions {
    /// Certificates in PEM that are trusted besides the system's; empty for none.
    pub extra_roots: Vec<u8>,
    /// A proxy for every request but those to 127.0.0.1, instead of the environment's.
    pub proxy: Option<String>,
}

/// The connections to all servers. Clones share them.
#[derive(Debug, Clone)]
pub struct Transport {
    client: Client,
}

/// A request that got no answer, or not all of it. It names no URL.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The HTTP client could not be made: a certificate or the proxy's URL is not what it should be.
    #[error("make the HTTP client")]
    Client(#[source] reqwest::Error),
    /// What was given as root certificates has none in it.
    #[error("there is no certificate among the extra roots")]
    NoCertificate,
    /// No connection: the request was certainly not seen.
    #[error("connect")]
    Connect(#[source] reqwest::Error),
    /// The time-out or the caller's deadline came first. The request may have been carried out.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke. The request may have been carried out.
    #[error("read the answer")]
    Interrupted(#[source] reqwest::Error),
    /// The answer is larger than anything that is expected.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl From<reqwest::Error> for TransportError {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_connect() {
            Self::Connect(error)
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Interrupted(error)
        }
    }
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The content type, empty when there is none.
    pub content_type: String,
    /// The body.
    pub body: Body,
}

impl Transport {
    /// Makes the HTTP client; reads the root certificates.
    ///
    /// # Errors
    /// [`TransportError::Client`], [`TransportError::NoCertificate`].
    pub fn new(options: &TransportOptions) -> Result<Self, TransportError> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            // A redirect would take the checksum, or a header with a secret, somewhere else.
            .redirect(redirect::Policy::none());
        if !options.extra_roots.is_empty() {
            let roots = Certificate::from_pem_bundle(&options.extra_roots).map_err(TransportError::Client)?;
            if roots.is_empty() {
                return Err(TransportError::NoCertificate);
            }
            builder = builder.tls_certs_merge(roots);
        }
        if let Some(proxy) = &options.proxy {
            let proxy = Proxy::all(proxy).map_err(|error| TransportError::Client(error.without_url()))?;
            builder = builder.proxy(proxy.no_proxy(NoProxy::from_string("127.0.0.1")));
        }
        Ok(Self { client: builder.build().map_err(TransportError::Client)? })
    }

    /// Begins a request. The URL may be signed: it goes nowhere but into the request.
    pub fn request(&self, method: reqwest::Method, url: reqwest::Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request. The whole answer has to arrive before `deadline` and may have `limit` bytes.
    ///
    /// # Errors
    /// Any [`TransportError`] but [`TooLarge`](TransportError::TooLarge), which comes when the body is read.
    pub async fn send(
        &self,
        request: RequestBuilder,
        deadline: Instant,
        limit: usize,
    ) -> Result<Answer, TransportError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(TransportError::TimedOut);
        }
        let response = request.timeout(left).send().await?;
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: response.status().as_u16(),
            content_type: content_type.unwrap_or_default().to_owned(),
            body: Body::new(response, limit),
        })
    }
}
