//! Debian's `docker-registry`, the real one, with made-up images in it.

use std::{path::PathBuf, process::Stdio, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    time::sleep,
};

use crate::workspace_root;

/// The password of the user AWS in a registry that asks who one is.
pub const PASSWORD: &str = "password-of-the-local-registry";

/// `AWS` and that password, as `htpasswd -B` writes them.
const HTPASSWD: &str = "AWS:$2b$05$abcdefghijklmnopqrstuuwK9hj..opQbF6vJWcjjYox3eMoUZTjW\n";

/// A manifest of the OCI's.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// One for several platforms.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// More than it takes to start.
const TRIES: usize = 200;

/// A registry, running. Dropped, it ends.
#[derive(Debug)]
pub struct Registry {
    /// Its host and port.
    pub address: String,
    http: Client,
    password: Option<&'static str>,
    folder: TempDir,
    _process: Child,
}

/// An image that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its digest.
    pub digest: String,
    /// The digests and sizes of its layers and of its configuration.
    pub blobs: Vec<(String, usize)>,
}

/// `sha256:` and digits.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    let digits: Vec<String> = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", digits.concat())
}

/// A layer: an archive of one file that holds `size` bytes which do not repeat, made of `seed`.
#[must_use]
pub fn layer(seed: u64, size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut header = [0_u8; 512];
    header[..8].copy_from_slice(b"file.bin");
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[156] = b'0';
    header[257..263].copy_from_slice(b"ustar\0");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut archive = header.to_vec();
    let begin = archive.len();
    archive.resize(begin + size, 0);
    random.fill(&mut archive[begin..]);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

impl Registry {
    /// Starts one that anybody may read and write.
    pub async fn open() -> Self {
        Self::start(None).await
    }

    /// Starts one for the user AWS alone.
    pub async fn closed() -> Self {
        Self::start(Some(PASSWORD)).await
    }

    async fn start(password: Option<&'static str>) -> Self {
        let folder = TempDir::new().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
        let address = format!("127.0.0.1:{port}");
        let auth = password.map(|_| {
            let file = folder.path().join("htpasswd");
            std::fs::write(&file, HTPASSWD).expect("a file");
            json!({"htpasswd": {"realm": "local", "path": file}})
        });
        let mut settings = json!({
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": true}},
            "storage": {"filesystem": {"rootdirectory": folder.path().join("data")}},
            "http": {"addr": address, "secret": "of this test"},
        });
        if let Some(auth) = auth {
            settings["auth"] = auth;
        }
        let file = folder.path().join("config.json");
        // JSON is YAML.
        std::fs::write(&file, settings.to_string()).expect("a file");
        let mut command = Command::new(program());
        command.arg("serve").arg(&file).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.kill_on_drop(true).spawn().expect("docker-registry; .ci/run fetches it");
        let http = Client::builder().no_proxy().build().expect("a client");
        let registry = Self { address, http, password, folder, _process: process };
        for _ in 0..TRIES {
            if registry.http.get(registry.url("")).send().await.is_ok() {
                return registry;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the registry does not answer");
    }

    /// A name in it.
    #[must_use]
    pub fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    fn url(&self, rest: &str) -> String {
        format!("http://{}/v2/{rest}", self.address)
    }

    fn request(&self, method: reqwest::Method, url: String) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url);
        match self.password {
            Some(password) => request.basic_auth("AWS", Some(password)),
            None => request,
        }
    }

    /// Puts a layer or a configuration into a repository.
    pub async fn push_blob(&self, repository: &str, bytes: Vec<u8>) -> (String, usize) {
        let (digest, size) = (digest_of(&bytes), bytes.len());
        let begun = self.request(reqwest::Method::POST, self.url(&format!("{repository}/blobs/uploads/"))).send().await;
        let begun = begun.expect("an answer");
        let place = begun.headers()[header::LOCATION].to_str().expect("text").to_owned();
        let place = if place.starts_with('/') { format!("http://{}{place}", self.address) } else { place };
        let joint = if place.contains('?') { '&' } else { '?' };
        let put = self.request(reqwest::Method::PUT, format!("{place}{joint}digest={digest}")).body(bytes).send().await;
        assert_eq!(put.expect("an answer").status(), StatusCode::CREATED);
        (digest, size)
    }

    /// Puts an image of these layers into a repository, under a tag or by its digest.
    pub async fn push_image(
        &self,
        repository: &str,
        tag: Option<&str>,
        architecture: &str,
        layers: &[Vec<u8>],
    ) -> Made {
        let mut blobs = Vec::new();
        for layer in layers {
            blobs.push(self.push_blob(repository, layer.clone()).await);
        }
        let ids: Vec<&str> = blobs.iter().map(|(digest, _)| digest.as_str()).collect();
        let config = json!({"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": ids}, "config": {}});
        let config = self.push_blob(repository, config.to_string().into_bytes()).await;
        let described = |kind: &str, (digest, size): &(String, usize)| json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": size});
        let layers: Vec<Value> = blobs.iter().map(|blob| described("layer.v1.tar", blob)).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": described("config.v1+json", &config), "layers": layers});
        blobs.push(config);
        let digest = self.push_manifest(repository, tag, MANIFEST, &manifest).await;
        Made { digest, blobs }
    }

    /// Puts an index of images into a repository.
    pub async fn push_index(&self, repository: &str, tag: &str, images: &[(&str, &Made)]) -> String {
        let mut manifests = Vec::new();
        for (architecture, image) in images {
            let size = self.manifest(repository, &image.digest).await.expect("a manifest").len();
            manifests.push(json!({"mediaType": MANIFEST, "digest": image.digest, "size": size,
                "platform": {"os": "linux", "architecture": architecture}}));
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.push_manifest(repository, Some(tag), INDEX, &index).await
    }

    async fn push_manifest(&self, repository: &str, tag: Option<&str>, kind: &str, manifest: &Value) -> String {
        let bytes = manifest.to_string().into_bytes();
        let digest = digest_of(&bytes);
        let url = self.url(&format!("{repository}/manifests/{}", tag.unwrap_or(&digest)));
        let put = self.request(reqwest::Method::PUT, url).header(header::CONTENT_TYPE, kind).body(bytes).send().await;
        assert_eq!(put.expect("an answer").status(), StatusCode::CREATED);
        digest
    }

    /// A manifest, if it is there.
    pub async fn manifest(&self, repository: &str, version: &str) -> Option<Vec<u8>> {
        let request = self.request(reqwest::Method::GET, self.url(&format!("{repository}/manifests/{version}")));
        let answer = request.header(header::ACCEPT, format!("{MANIFEST}, {INDEX}")).send().await.expect("an answer");
        if answer.status() == StatusCode::OK { Some(answer.bytes().await.expect("bytes").to_vec()) } else { None }
    }

    /// A layer, if it is there.
    pub async fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let request = self.request(reqwest::Method::GET, self.url(&format!("{repository}/blobs/{digest}")));
        let answer = request.send().await.expect("an answer");
        if answer.status() == StatusCode::OK { Some(answer.bytes().await.expect("bytes").to_vec()) } else { None }
    }

    /// Spoils a layer where it is kept.
    pub fn spoil(&self, digest: &str) {
        let digits = digest.trim_start_matches("sha256:");
        let folder = self.folder.path().join("data/docker/registry/v2/blobs/sha256").join(&digits[..2]);
        let file = folder.join(digits).join("data");
        let mut bytes = std::fs::read(&file).expect("a layer");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).expect("a layer");
    }
}

/// The registry's program: what `DOCKER_REGISTRY` names, what .ci/run fetched, or the system's.
fn program() -> PathBuf {
    let fetched = workspace_root().join("target/docker-registry/usr/bin/docker-registry");
    match std::env::var_os("DOCKER_REGISTRY") {
        Some(named) => named.into(),
        None if fetched.exists() => fetched,
        None => "docker-registry".into(),
    }
}
