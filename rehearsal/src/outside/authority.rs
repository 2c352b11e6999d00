//! A certificate authority that vouches for the names of the rehearsal, as Let's Encrypt and ACM do outside.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::OutsideError;

/// The authority; its certificate is in a file that the functions trust.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes an authority and writes its certificate to `file`, and `others` that are to be trusted besides (PEM).
    pub(super) fn make(file: &Path, others: Option<&str>) -> Result<Self, OutsideError> {
        let mut about = CertificateParams::new(Vec::new())?;
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        about.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        about.distinguished_name.push(DnType::CommonName, "rehearsal");
        let key = KeyPair::generate()?;
        let certificate = about.self_signed(&key)?;
        std::fs::write(file, certificate.pem() + others.unwrap_or_default()).map_err(OutsideError::Folder)?;
        Ok(Self { issuer: Issuer::new(about, key) })
    }

    /// Speaks TLS as `host`.
    pub(super) fn speak_as(&self, host: &str) -> Result<TlsAcceptor, OutsideError> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![host.to_owned()])?.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
