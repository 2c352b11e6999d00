//! A certificate authority, with chains as AWS and servers show them, and a bundle of roots as large as Lambda's.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use benchmark_endpoint::{Identity, Setting};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, SignatureAlgorithm,
};

/// Where distributions keep the roots that they trust.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The files.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    /// As whom the endpoint speaks.
    pub(crate) setting: Setting,
    /// The system's roots and ours.
    pub(crate) bundle: PathBuf,
    /// How many roots are in the bundle.
    pub(crate) roots: usize,
}

type Signer = Issuer<'static, KeyPair>;

impl Authority {
    /// Makes them. AWS shows a chain of RSA 2048, as its endpoints do; the servers one of P-256 under P-384, as Let's Encrypt gives out.
    pub(crate) fn make(folder: &Path, domain: &str) -> Result<Self> {
        let system = BUNDLES.into_iter().find_map(|path| std::fs::read_to_string(path).ok());
        let system = system.with_context(|| format!("none of {} is there", BUNDLES.join(", ")))?;
        let (root, root_pem) = authority("benchmark root", &PKCS_RSA_SHA256, None)?;
        let (aws, aws_pem) = authority("benchmark RSA 2048 M01", &PKCS_RSA_SHA256, Some(&root))?;
        let (servers, servers_pem) = authority("benchmark E5", &PKCS_ECDSA_P384_SHA384, Some(&root))?;
        let bundle = folder.join("bundle.pem");
        let text = format!("{}\n{root_pem}", system.trim_end());
        std::fs::write(&bundle, &text).context("write the bundle of roots")?;
        let wildcard = format!("*.{domain}");
        Ok(Self {
            setting: Setting {
                aws: identity(folder, "aws", "localhost", &PKCS_RSA_SHA256, &aws, &(aws_pem + &root_pem))?,
                servers: identity(folder, "servers", &wildcard, &PKCS_ECDSA_P256_SHA256, &servers, &servers_pem)?,
            },
            bundle,
            roots: text.matches("BEGIN CERTIFICATE").count(),
        })
    }
}

fn authority(name: &str, kind: &'static SignatureAlgorithm, above: Option<&Signer>) -> Result<(Signer, String)> {
    let mut about = CertificateParams::new(Vec::new())?;
    about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    about.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    about.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate_for(kind).context("make a key")?;
    let certificate = match above {
        Some(above) => about.signed_by(&key, above)?,
        None => about.self_signed(&key)?,
    };
    let pem = certificate.pem();
    Ok((Issuer::new(about, key), pem))
}

fn identity(
    folder: &Path,
    file: &str,
    host: &str,
    kind: &'static SignatureAlgorithm,
    above: &Signer,
    above_pem: &str,
) -> Result<Identity> {
    let key = KeyPair::generate_for(kind).context("make a key")?;
    let certificate = CertificateParams::new(vec![host.to_owned()])?.signed_by(&key, above)?;
    let identity =
        Identity { chain: folder.join(format!("{file}-chain.pem")), key: folder.join(format!("{file}-key.pem")) };
    std::fs::write(&identity.chain, certificate.pem() + above_pem).context("write a chain")?;
    std::fs::write(&identity.key, key.serialize_pem()).context("write a key")?;
    Ok(identity)
}
