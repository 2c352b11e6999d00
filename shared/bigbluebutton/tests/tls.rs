//! Certificates are verified, and others than the system's can be trusted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{error::Error as _, sync::Arc, time::Duration};

use bigbluebutton::{Client, Error, Transport, TransportError, TransportOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::Instant,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

/// A server with a certificate for `name`, signed by `authority`; its port.
async fn serve(authority: &CertifiedIssuer<'_, KeyPair>, name: &str) -> u16 {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            // A client that does not like the certificate hangs up.
            let Ok(mut connection) = acceptor.accept(connection).await else { continue };
            let body = "<response><returncode>SUCCESS</returncode><meetings/></response>";
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _requested = connection.read(&mut [0; 4096]).await;
            let _sent = connection.write_all(answer.as_bytes()).await;
        }
    });
    port
}

async fn ask(port: u16, extra_roots: &str) -> Result<usize, Error> {
    let options = TransportOptions { extra_roots: extra_roots.into(), ..TransportOptions::default() };
    let url = format!("https://127.0.0.1:{port}/bigbluebutton/api/");
    let client = Client::new(Transport::new(&options).unwrap(), &url, "secret".into()).unwrap();
    client.meetings(Instant::now() + Duration::from_secs(20)).await.map(|meetings| meetings.len())
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test]
async fn only_a_trusted_certificate_of_the_right_name_will_do() {
    let (authority, another) = (authority(), self::authority());
    let port = serve(&authority, "127.0.0.1").await;
    assert_eq!(ask(port, &authority.pem()).await.unwrap(), 0);
    let of_another_name = serve(&authority, "bbb.example.org").await;
    for refused in [ask(port, "").await, ask(port, &another.pem()).await, ask(of_another_name, &authority.pem()).await]
    {
        let error = refused.unwrap_err();
        assert!(matches!(&error, Error::Transport(TransportError::Connect(_))), "{error:?}");
        let mut cause = error.source();
        let mut text = String::new();
        while let Some(error) = cause {
            text += &error.to_string();
            cause = error.source();
        }
        assert!(text.contains("certificate"), "{text}");
    }
}

#[test]
fn what_is_no_certificate_is_not_passed_over() {
    let with = |extra_roots: &[u8]| {
        Transport::new(&TransportOptions { extra_roots: extra_roots.into(), ..TransportOptions::default() })
    };
    assert!(matches!(with(b"/etc/pki/ca.pem"), Err(TransportError::NoCertificate)));
    let junk = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(with(junk), Err(TransportError::Client(_))));
    let proxy = TransportOptions { proxy: Some("http://user:hunter2@[".to_owned()), ..TransportOptions::default() };
    let error = Transport::new(&proxy).unwrap_err();
    assert!(matches!(error, TransportError::Client(_)) && !format!("{error:?}").contains("hunter2"), "{error:?}");
}
