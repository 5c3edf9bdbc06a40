//! What handshakes show, over the real listener: files that change while connections live, our own
//! authority, and certificates of a real one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use everpost_node::ca::{Identity, identity};
use everpost_node::certificate::Certificate;
use everpost_node::config::{AcmeConfig, TlsConfig};
use everpost_node::listen::{Listener, serve};
use everpost_node::shown::Status;
use everpost_node::stop::Stop;
use everpost_testkit::peers::Pebble;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long anything may take that is waited for; nobody waits longer than it needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A listener, served, with its keeper.
struct Running {
    address: SocketAddr,
    status: watch::Receiver<Status>,
    stop: Stop,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    async fn start(identity: Identity, address: &str) -> Self {
        let listen = format!("https={address}").parse().unwrap();
        let listener = Listener::open(&listen, &identity).await.unwrap();
        let (_, address) = listener.address().unwrap();
        let stop = Stop::default();
        let router = Router::new().route("/", get(|| async { "here" }));
        let status = identity.status();
        let keeper = identity.keeper().looking_every(Duration::from_millis(20));
        let tasks = vec![
            tokio::spawn(serve(vec![listener], router, stop.clone())),
            tokio::spawn(keeper.keep(stop.clone())),
        ];
        Running {
            address,
            status,
            stop,
            tasks,
        }
    }

    /// Waits until the status is as it should be.
    async fn is(&mut self, what: impl FnMut(&Status) -> bool) -> Status {
        if let Ok(found) = tokio::time::timeout(PATIENCE, self.status.wait_for(what)).await {
            return found.unwrap().clone();
        }
        panic!("it stays {:?}", self.status.borrow());
    }

    async fn end(self) {
        self.stop.stop();
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// Shakes hands, as somebody who trusts `roots`.
async fn connect(
    address: SocketAddr,
    name: &str,
    roots: &[u8],
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots) {
        store.add(root.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = config.with_root_certificates(store).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await
}

/// Asks for the page and reads it.
async fn ask(stream: &mut TlsStream<TcpStream>) {
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nhere") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
}

/// Writes a chain and key for `localhost`; who trusts the chain trusts what shows it.
fn write_pair(cert: &Path, key: &Path) -> Vec<u8> {
    let pair = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let pem = params.self_signed(&pair).unwrap().pem();
    replace(key, pair.serialize_pem().as_bytes());
    replace(cert, pem.as_bytes());
    pem.into_bytes()
}

/// As those who renew certificates do.
fn replace(path: &Path, bytes: &[u8]) {
    let making = path.with_extension("making");
    fs::write(&making, bytes).unwrap();
    fs::rename(&making, path).unwrap();
}

#[tokio::test]
async fn files_are_read_again_while_a_connection_lives() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert"), folder.path().join("key"));
    let first = write_pair(&cert, &key);
    let config = TlsConfig {
        cert: Some(cert.clone()),
        key: Some(key.clone()),
        ..TlsConfig::default()
    };
    let identity = identity(&folder.path().join("data"), &config, &[]).unwrap();
    let upgrade = identity.upgrade.clone();
    let mut running = Running::start(identity, "127.0.0.1:0").await;
    let address = running.address;
    let mut old = connect(address, "localhost", &first, b"http/1.1")
        .await
        .unwrap();
    ask(&mut old).await;
    let serial = running.status.borrow().facts.serial.clone();

    // What is broken is refused, and the first one stays.
    for broken in [b"no certificate".as_slice(), b""] {
        replace(&cert, broken);
        let looks = running.status.borrow().looks;
        let status = running
            .is(|status| status.looks > looks && status.trouble.is_some())
            .await;
        assert_eq!(status.facts.serial, serial);
        connect(address, "localhost", &first, b"http/1.1")
            .await
            .unwrap();
    }
    // So is a certificate with the key of another.
    let second = write_pair(&cert, &folder.path().join("elsewhere"));
    let mismatch = |status: &Status| {
        let trouble = status.trouble.as_deref().unwrap_or_default();
        trouble.contains("the key is of another certificate")
    };
    running.is(mismatch).await;
    connect(address, "localhost", &first, b"http/1.1")
        .await
        .unwrap();
    // When the key has come as well, both are shown, to those who come from now on.
    replace(&key, &fs::read(folder.path().join("elsewhere")).unwrap());
    let status = running.is(|status| status.trouble.is_none()).await;
    assert_ne!(status.facts.serial, serial);
    let refused = connect(address, "localhost", &first, b"http/1.1").await;
    assert!(refused.is_err());
    let mut new = connect(address, "localhost", &second, b"http/1.1")
        .await
        .unwrap();
    ask(&mut new).await;
    ask(&mut old).await;
    // So does who begins in the clear.
    upgrade_shows(upgrade, &second).await;
    drop((old, new));
    running.end().await;
}

/// Whether who trusts `roots` trusts what STARTTLS shows.
async fn upgrade_shows(config: Arc<rustls::ServerConfig>, roots: &[u8]) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.map(drop)
    });
    // A protocol without a name of its own: no ALPN is agreed on.
    connect(address, "localhost", roots, b"smtp").await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_sighup_has_files_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert"), folder.path().join("key"));
    write_pair(&cert, &key);
    let config = TlsConfig {
        cert: Some(cert.clone()),
        key: Some(key.clone()),
        ..TlsConfig::default()
    };
    let identity = identity(&folder.path().join("data"), &config, &[]).unwrap();
    let (mut status, stop) = (identity.status(), Stop::default());
    // It would look for itself after the test only.
    let keeper = identity.keeper().looking_every(PATIENCE * 60);
    let keeper = keeper.hearing_hangup();
    let keeping = tokio::spawn(keeper.keep(stop.clone()));
    status.wait_for(|status| status.looks > 0).await.unwrap();
    let new = write_pair(&cert, &key);
    let pid = std::process::id().to_string();
    let hup = std::process::Command::new("sh")
        .args(["-c", "kill -HUP \"$1\"", "hup", &pid])
        .status();
    assert!(hup.unwrap().success());
    let looked = tokio::time::timeout(PATIENCE, status.wait_for(|status| status.looks > 1));
    let shown = looked.await.expect("in time").unwrap().facts.clone();
    fs::write(folder.path().join("new"), new).unwrap();
    let read = Certificate::read(&folder.path().join("new"), &key).unwrap();
    assert_eq!(shown.serial, read.facts().serial);
    stop.stop();
    keeping.await.unwrap();
}

/// An archive that asks `pebble` for a certificate for `names`.
fn asking(folder: &Path, pebble: &Pebble, names: &[&str]) -> Identity {
    let config = TlsConfig {
        acme: Some(AcmeConfig {
            directory: pebble.directory(),
            agree_to_terms: true,
            contact: vec!["mailto:it@example.test".into()],
            names: names.iter().map(ToString::to_string).collect(),
            ca: Some(pebble.ca()),
        }),
        ..TlsConfig::default()
    };
    identity(&folder.join("data"), &config, &[]).unwrap()
}

#[tokio::test]
async fn an_authority_gives_a_certificate_and_another_in_time() {
    let folder = tempfile::tempdir().unwrap();
    // Of few seconds, so that the next one is due soon; one of five nonces is taken for unknown.
    let pebble = Pebble::start(6, 20).unwrap();
    let names = ["mail.example.test", "mx.example.test"];
    let identity = asking(folder.path(), &pebble, &names);
    // Until it is there our own authority serves.
    let own = fs::read(identity.ca.clone().unwrap()).unwrap();
    let address = pebble.looks_at().to_string();
    let mut running = Running::start(identity, &address).await;
    connect(running.address, "localhost", &own, b"http/1.1")
        .await
        .unwrap();
    let first = running.is(|status| status.facts.covers(names[0])).await;
    assert!(first.facts.covers(names[1]) && !first.facts.covers("localhost"));
    let root = pebble.root().unwrap();
    let mut old = connect(running.address, names[1], &root, b"http/1.1")
        .await
        .unwrap();
    ask(&mut old).await;
    for file in ["data.acme.key", "data.acme.pem"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{file}");
    }
    let account = fs::read(folder.path().join("data.acme.key")).unwrap();
    // Nobody else gets an answer of those that are for the authority.
    let curious = connect(running.address, names[0], &root, b"acme-tls/1").await;
    assert!(curious.is_err());

    let second = running
        .is(|status| status.facts.serial != first.facts.serial)
        .await;
    assert!(second.facts.until > first.facts.until);
    connect(running.address, names[0], &root, b"http/1.1")
        .await
        .unwrap();
    ask(&mut old).await;
    drop(old);
    running.end().await;
    assert_eq!(
        fs::read(folder.path().join("data.acme.key")).unwrap(),
        account
    );
}

#[tokio::test]
async fn what_was_given_is_kept_and_what_is_refused_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let mut pebble = Pebble::start(86_400, 0).unwrap();
    let address = pebble.looks_at().to_string();
    let refused = asking(folder.path(), &pebble, &["blocked.test"]);
    let mut running = Running::start(refused, &address).await;
    let status = running.is(|status| status.trouble.is_some()).await;
    let trouble = status.trouble.unwrap();
    assert!(
        trouble.contains("blocked.test") && trouble.contains("such names"),
        "{trouble}"
    );
    // Our own serves on.
    assert!(status.facts.covers("localhost"));
    running.end().await;

    // Nobody listens where the authority looks.
    let unseen = asking(folder.path(), &pebble, &["mail.example.test"]);
    let mut running = Running::start(unseen, "127.0.0.1:0").await;
    let status = running.is(|status| status.trouble.is_some()).await;
    let trouble = status.trouble.unwrap();
    assert!(trouble.contains("port 443"), "{trouble}");
    running.end().await;

    let seen = asking(folder.path(), &pebble, &["mail.example.test"]);
    let mut running = Running::start(seen, &address).await;
    let given = running
        .is(|status| status.facts.covers("mail.example.test"))
        .await;
    running.end().await;
    // After a restart it is there from the first moment, and nobody is asked.
    let root = pebble.root().unwrap();
    pebble.stop().unwrap();
    let again = asking(folder.path(), &pebble, &["mail.example.test"]);
    assert!(again.ca.is_none());
    let mut running = Running::start(again, &address).await;
    let status = running.is(|status| status.looks > 0).await;
    assert_eq!((status.facts, status.trouble), (given.facts, None));
    connect(running.address, "mail.example.test", &root, b"http/1.1")
        .await
        .unwrap();
    running.end().await;
    // Another name is asked for, in vain, and what is there stays.
    let more = asking(
        folder.path(),
        &pebble,
        &["mail.example.test", "more.example.test"],
    );
    let mut running = Running::start(more, &address).await;
    let status = running.is(|status| status.trouble.is_some()).await;
    let trouble = status.trouble.unwrap();
    assert!(
        trouble.contains("can this machine reach the directory"),
        "{trouble}"
    );
    assert!(status.facts.covers("mail.example.test"));
    running.end().await;
}

#[test]
fn what_makes_no_sense_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let with = |change: &dyn Fn(&mut AcmeConfig)| {
        let mut acme = AcmeConfig {
            agree_to_terms: true,
            names: vec!["mail.example.test".into()],
            ..AcmeConfig::default()
        };
        change(&mut acme);
        TlsConfig {
            acme: Some(acme),
            ..TlsConfig::default()
        }
    };
    assert!(identity(&data, &with(&|_| ()), &[]).is_ok());
    let mut both = with(&|_| ());
    (both.cert, both.key) = (Some("cert".into()), Some("key".into()));
    let wrong = [
        ("agree_to_terms", with(&|acme| acme.agree_to_terms = false)),
        ("names", with(&|acme| acme.names.clear())),
        (
            "no name",
            with(&|acme| acme.names = vec!["192.0.2.1".into()]),
        ),
        (
            "many names",
            with(&|acme| acme.names = vec!["*.example.test".into()]),
        ),
        ("take one", both),
    ];
    for (what, config) in wrong {
        let error = identity(&data, &config, &[]).err().unwrap();
        assert_eq!(error.code(), "E-CONFIG");
        assert!(error.to_string().contains(what), "{error}");
    }
}
