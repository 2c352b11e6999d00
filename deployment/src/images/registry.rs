//! The part of the OCI distribution protocol that a copy needs
//! (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION, RANGE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{Body, Client, RequestBuilder, Response, StatusCode, Url};

use super::Login;
use super::challenge::Challenge;
use super::error::Fault;
use super::manifest::MEDIA_TYPES;
use super::reference::Reference;

/// A registry that says nothing for so long is given up, and asked again.
const SILENCE: Duration = Duration::from_secs(60);

/// No manifest is larger (the specification lets registries refuse more).
const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

/// What is to be done in a repository: tokens are for one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Right {
    Read,
    Write,
}

/// Speaks to registries.
pub(super) struct Registries {
    client: Client,
    logins: HashMap<String, Login>,
    /// What stood in the header when it was let in, by registry, repository and right.
    tokens: Mutex<HashMap<(String, String, Right), String>>,
}

impl Registries {
    pub(super) fn new(logins: Vec<Login>) -> Result<Self, Fault> {
        let client = Client::builder()
            .user_agent(concat!("bbb/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(SILENCE)
            .read_timeout(SILENCE)
            .build()?;
        let logins = logins.into_iter().map(|login| (login.registry.clone(), login)).collect();
        Ok(Self { client, logins, tokens: Mutex::default() })
    }

    /// The manifest of an image and its digest, which is that of the name if it has one.
    pub(super) async fn manifest(&self, image: &Reference) -> Result<(Vec<u8>, String), Fault> {
        let url = url(image, &format!("manifests/{}", image.version()))?;
        let request = || self.client.get(url.clone()).header(ACCEPT, MEDIA_TYPES.join(", "));
        let mut response = wanted(self.send(image, Right::Read, request).await?, StatusCode::OK).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST_MANIFEST {
                return Err(Fault::Protocol("a manifest of more than 4 MiB"));
            }
        }
        let came = digest_of(&bytes);
        match image.digest() {
            Some(wanted) if wanted != came => Err(Fault::Digest { came, wanted: wanted.to_owned() }),
            _ => Ok((bytes, came)),
        }
    }

    /// The digest of the image that has this name, if one has.
    pub(super) async fn digest(&self, image: &Reference) -> Result<Option<String>, Fault> {
        let url = url(image, &format!("manifests/{}", image.version()))?;
        let request = || self.client.head(url.clone()).header(ACCEPT, MEDIA_TYPES.join(", "));
        let response = match wanted(self.send(image, Right::Write, request).await?, StatusCode::OK).await {
            Ok(response) => response,
            Err(fault) if fault.is_absent() => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let digest = response.headers().get("docker-content-digest").and_then(|digest| digest.to_str().ok());
        match digest {
            Some(digest) => Ok(Some(digest.to_owned())),
            // A registry should name it, and need not.
            None => Ok(Some(self.manifest(image).await?.1)),
        }
    }

    /// Whether a layer is in the image's repository.
    pub(super) async fn has(&self, image: &Reference, digest: &str) -> Result<bool, Fault> {
        let url = url(image, &format!("blobs/{digest}"))?;
        match wanted(self.send(image, Right::Write, || self.client.head(url.clone())).await?, StatusCode::OK).await {
            Ok(_) => Ok(true),
            Err(fault) if fault.is_absent() => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Begins to read a layer, from a byte on if the registry can; and how many bytes before that come again if it cannot.
    pub(super) async fn read(&self, image: &Reference, digest: &str, from: u64) -> Result<(Response, u64), Fault> {
        let url = url(image, &format!("blobs/{digest}"))?;
        let request = || {
            let request = self.client.get(url.clone());
            if from == 0 { request } else { request.header(RANGE, format!("bytes={from}-")) }
        };
        let response = self.send(image, Right::Read, request).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => Ok((response, 0)),
            _ => Ok((wanted(response, StatusCode::OK).await?, from)),
        }
    }

    /// Begins to write a layer and gives where to; `None` if the registry took it from another repository of its own instead.
    pub(super) async fn begin(
        &self,
        image: &Reference,
        digest: &str,
        neighbour: Option<&Reference>,
    ) -> Result<Option<Url>, Fault> {
        let mut url = url(image, "blobs/uploads/")?;
        if let Some(neighbour) = neighbour {
            url.query_pairs_mut().append_pair("mount", digest).append_pair("from", neighbour.repository());
        }
        let request = || self.client.post(url.clone()).header(CONTENT_LENGTH, 0);
        let response = self.send(image, Right::Write, request).await?;
        if response.status() == StatusCode::CREATED {
            return Ok(None);
        }
        let response = wanted(response, StatusCode::ACCEPTED).await?;
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let place = location.and_then(|location| response.url().join(location).ok());
        let mut place = place.ok_or(Fault::Protocol("it says not where to write to"))?;
        place.query_pairs_mut().append_pair("digest", digest);
        Ok(Some(place))
    }

    /// Writes a whole layer to where [`Self::begin`] said.
    pub(super) async fn write(&self, image: &Reference, place: Url, body: Body, size: u64) -> Result<(), Fault> {
        let is_its_own = place.origin() == url(image, "")?.origin();
        let request = self
            .client
            .put(place)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size)
            .body(body);
        // A body cannot be sent twice; the token was good when the writing began a moment ago. Another host is not shown it.
        let request = if is_its_own { self.signed(request, image, Right::Write) } else { request };
        wanted(request.send().await?, StatusCode::CREATED).await?;
        Ok(())
    }

    /// Writes a manifest under the image's name.
    pub(super) async fn put(&self, image: &Reference, bytes: &[u8], media_type: &str) -> Result<(), Fault> {
        let url = url(image, &format!("manifests/{}", image.version()))?;
        let request = || self.client.put(url.clone()).header(CONTENT_TYPE, media_type).body(bytes.to_vec());
        wanted(self.send(image, Right::Write, request).await?, StatusCode::CREATED).await?;
        Ok(())
    }

    /// Sends a request, and once more with a new token when the registry wants to know who asks.
    async fn send(
        &self,
        image: &Reference,
        right: Right,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, Fault> {
        let response = self.signed(request(), image, right).send().await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let Some(challenge) = challenge(response.headers()) else { return Ok(response) };
        let header = self.authorization(image, right, &challenge).await?;
        let Some(header) = header else { return Ok(response) };
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(key(image, right), header);
        Ok(self.signed(request(), image, right).send().await?)
    }

    fn signed(&self, request: RequestBuilder, image: &Reference, right: Right) -> RequestBuilder {
        match self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(&key(image, right)) {
            Some(header) => request.header(reqwest::header::AUTHORIZATION, sensitive(header)),
            None => request,
        }
    }

    /// What has to stand in the header, if there is something.
    async fn authorization(
        &self,
        image: &Reference,
        right: Right,
        challenge: &Challenge,
    ) -> Result<Option<String>, Fault> {
        let login = self.logins.get(image.registry());
        let Challenge::Bearer { realm, service } = challenge else { return Ok(login.map(Login::header)) };
        let Ok(mut url) = Url::parse(realm) else {
            return Err(Fault::Protocol("it names no place that gives tokens"));
        };
        let is_safe = url.scheme() == "https" || is_loopback(url.host_str().unwrap_or_default());
        if !is_safe {
            return Err(Fault::Protocol("the place that gives tokens is not reached by TLS"));
        }
        let actions = if right == Right::Read { "pull" } else { "pull,push" };
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", service);
        }
        url.query_pairs_mut().append_pair("scope", &format!("repository:{}:{actions}", image.repository()));
        let mut request = self.client.get(url);
        if let Some(login) = login {
            request = request.header(reqwest::header::AUTHORIZATION, sensitive(&login.header()));
        }
        let response = wanted(request.send().await?, StatusCode::OK).await?;
        let Ok(json) = serde_json::from_str::<serde_json::Value>(&response.text().await?) else {
            return Err(Fault::Protocol("a token that is no JSON"));
        };
        let token = json["token"].as_str().or(json["access_token"].as_str()).ok_or(Fault::Protocol("no token"))?;
        Ok(Some(format!("Bearer {token}")))
    }
}

fn key(image: &Reference, right: Right) -> (String, String, Right) {
    (image.registry().to_owned(), image.repository().to_owned(), right)
}

/// A header's value that is not shown when a request is.
fn sensitive(text: &str) -> reqwest::header::HeaderValue {
    let value = reqwest::header::HeaderValue::from_str(text);
    let mut value = value.unwrap_or(reqwest::header::HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .find_map(|header| header.parse().ok())
}

/// An address in the repository of an image.
fn url(image: &Reference, rest: &str) -> Result<Url, Fault> {
    let scheme = if is_loopback(image.host().rsplit_once(':').map_or(image.host(), |(host, _)| host)) {
        "http"
    } else {
        "https"
    };
    let url = Url::parse(&format!("{scheme}://{}/v2/{}/{rest}", image.host(), image.repository()));
    url.ok().ok_or(Fault::Protocol("the registry is no host"))
}

/// Whether a host is this machine itself, so that nobody is between. Docker does without TLS there too.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// The answer, if it has the status that was wanted.
async fn wanted(response: Response, status: StatusCode) -> Result<Response, Fault> {
    if response.status() == status {
        return Ok(response);
    }
    let after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|after| after.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let status = response.status().as_u16();
    let body = response.text().await.unwrap_or_default();
    Err(Fault::of(status, after, &body))
}

/// `sha256:` and the digits.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// `sha256:` and the digits of a hash.
pub(super) fn hex(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _cannot_fail = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_registries_are_spoken_to_without_tls() {
        let scheme = |name: &str| url(&name.parse().expect("a name"), "x").expect("an address").scheme().to_owned();
        for loopback in ["127.0.0.1:5000/a", "127.1.2.3:1/a", "localhost:5000/a"] {
            assert_eq!(scheme(loopback), "http", "{loopback}");
        }
        for other in ["a", "127.0.0.1.example.org/a", "10.0.0.1:5000/a", "localhost.example.org/a"] {
            assert_eq!(scheme(other), "https", "{other}");
        }
    }

    #[test]
    fn digests_are_sha_256() {
        // FIPS 180's example.
        assert_eq!(digest_of(b"abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_shown_of_a_request_is_no_password() {
        assert!(!format!("{:?}", sensitive("Basic hidden")).contains("hidden"));
    }
}
