//! TLS, from the first byte and later.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;

/// Puts TLS before a server that has none: whom its certificate is of, and where it is.
async fn front(server: SocketAddr, starts_later: bool) -> (RootCertStore, SocketAddr) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut behind = BufReader::new(TcpStream::connect(server).await.unwrap());
                let mut stream = BufReader::new(stream);
                if starts_later {
                    stream
                        .write_all(b"* OK [CAPABILITY IMAP4rev1] hi\r\n")
                        .await
                        .unwrap();
                    let mut line = String::new();
                    stream.read_line(&mut line).await.unwrap();
                    assert_eq!(line, "E1 STARTTLS\r\n");
                    stream.write_all(b"E1 OK go\r\n").await.unwrap();
                    behind.read_line(&mut line).await.unwrap();
                }
                if let Ok(mut stream) = acceptor.accept(stream.into_inner()).await {
                    copy_bidirectional(&mut stream, &mut behind).await.ok();
                }
            });
        }
    });
    (roots, address)
}

#[tokio::test]
async fn from_the_first_byte_and_later() {
    let dovecot = dovecot();
    for (tls, starts_later) in [(Tls::Implicit, false), (Tls::StartTls, true)] {
        let (roots, address) = front(dovecot.imap(), starts_later).await;
        let mut account = account(address, &[]);
        account.tls = tls;
        let strange = Upstream::connect(&account).await.err();
        assert!(
            matches!(strange, Some(Trouble::Unreachable(_))),
            "{strange:?}"
        );
        account.roots = roots;
        let mut upstream = Upstream::connect(&account).await.unwrap();
        let place = put(&mut upstream, "INBOX", "1", &[]).await;
        let mut sink = Vec::new();
        let body = upstream
            .body("INBOX", place.uidvalidity, place.uid, 1_000, &mut sink)
            .await;
        assert!(matches!(body, Ok(Body::Whole(_))) && sink == mail("1")[0]);
        let woken = upstream
            .idle("INBOX", tokio::time::sleep(Duration::from_millis(100)))
            .await;
        assert!(woken.is_ok());
        upstream.quit().await;
        account.host = "localhost".into();
        let other = Upstream::connect(&account).await.err();
        assert!(matches!(other, Some(Trouble::Unreachable(_))), "{other:?}");
    }
}
