//! STARTTLS.

use std::sync::Arc;

use tokio::io::DuplexStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{ANN, Archive, Served, Talk, connect_with, id};
use crate::capture::smtp::Security;

/// A server's side and the side of a client that trusts it.
fn sides() -> (TlsAcceptor, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec!["archive.test".into()]).unwrap();
    let provider = || Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (
        TlsAcceptor::from(Arc::new(server.unwrap())),
        TlsConnector::from(Arc::new(client)),
    )
}

async fn upgraded(archive: &Archive) -> (Talk<TlsStream<DuplexStream>>, Served) {
    let (acceptor, connector) = sides();
    let (mut talk, served) = connect_with(archive.smtp(), Security::Offered(acceptor)).await;
    talk.reply().await;
    talk.say("EHLO client").await;
    let said = talk.say("STARTTLS").await;
    assert!(said.starts_with("220 2.0.0 "), "{said}");
    let stream = talk.read.into_inner().unsplit(talk.write);
    let name = ServerName::try_from("archive.test").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    (Talk::over(stream), served)
}

#[tokio::test]
async fn mail_comes_encrypted() {
    let archive = Archive::new().await;
    let (mut talk, served) = upgraded(&archive).await;
    // What was said before counts no more.
    assert!(talk.say(ANN).await.starts_with("503 "));
    talk.say("EHLO client").await;
    assert!(talk.say("STARTTLS").await.starts_with("503 "));
    talk.begin(ANN, &["bob@example.org"]).await;
    let first = id(&talk.data(b"Subject: sealed\r\n").await);
    assert_eq!(archive.kept(&first).await.0, b"Subject: sealed\r\n\r\n");
    assert!(talk.say("QUIT").await.starts_with("221 "));
    assert_eq!(talk.reply().await, "");
    served.ended().await;
}

#[tokio::test]
async fn plain_text_behind_starttls_is_not_obeyed() {
    let archive = Archive::new().await;
    let (acceptor, _) = sides();
    let (mut talk, served) = connect_with(archive.smtp(), Security::Offered(acceptor)).await;
    talk.reply().await;
    talk.say("EHLO client").await;
    let said = talk
        .say("STARTTLS\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>")
        .await;
    assert!(said.starts_with("554 5.7.0 "), "{said}");
    assert_eq!(talk.reply().await, "");
    served.ended().await;
}

/// The connection goes away under TLS, without its farewell, in the middle of a message or of the
/// handshake.
#[tokio::test]
async fn half_closed_it_keeps_nothing() {
    let archive = Archive::new().await;
    let (mut talk, served) = upgraded(&archive).await;
    talk.say("EHLO client").await;
    talk.begin(ANN, &["bob@example.org"]).await;
    talk.say("DATA").await;
    talk.send(b"Subject: cut\r\n").await;
    let stream = talk.read.into_inner().unsplit(talk.write);
    drop(stream.into_inner());
    served.ended().await;
    assert_eq!((archive.count("abandoned"), archive.count("kept")), (1, 0));
    let (acceptor, _) = sides();
    let (mut talk, served) = connect_with(archive.smtp(), Security::Offered(acceptor)).await;
    talk.reply().await;
    talk.say("EHLO client").await;
    talk.say("STARTTLS").await;
    talk.send(b"\x16\x03\x01").await;
    drop(talk);
    served.ended().await;
    assert!(archive.has_all_its_room());
}
