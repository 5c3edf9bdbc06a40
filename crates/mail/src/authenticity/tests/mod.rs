//! Authenticity against a real name server, and against what other programs say.

mod live;
mod peers;
mod policies;
mod pure;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use bytes::Bytes;
use everpost_testkit::peers::Bind;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::{Asked, Came, Checker, Checks, Dkim, Found, KeyKind, Record, Signer, Verdict, dkim};

/// Keys of example.test, made once: RSA takes a while.
static RSA: LazyLock<String> = LazyLock::new(|| made(KeyKind::Rsa));
static ED: LazyLock<String> = LazyLock::new(|| made(KeyKind::Ed25519));

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// 2026-11-30.
const AT: i64 = 1_796_000_000;

fn made(kind: KeyKind) -> String {
    Signer::generate("example.test", "x", kind).unwrap().0
}

fn rsa() -> Signer {
    Signer::from_pem("example.test", "rsa", &RSA).unwrap()
}

fn ed() -> Signer {
    Signer::from_pem("example.test", "ed", &ED).unwrap()
}

/// A mail that canonical forms have work with.
const LETTER: &[u8] = b"Received: from a by b; Mon, 30 Nov 2026 10:00:01 +0000\r\n\
From: \"Ann Example\" <ann@example.test>\r\n\
To: Bob <bob@other.test>,\r\n\tCarol   <carol@other.test>\r\n\
Subject:  A letter \r\n  in two lines\t\r\n\
Date: Mon, 30 Nov 2026 10:00:00 +0000\r\n\
Message-ID: <1@example.test>\r\n\
MIME-Version: 1.0\r\n\
Content-Type: text/plain; charset=utf-8\r\n\
X-Other: not signed\r\n\
\r\n\
Dear Bob,\r\n\
\r\n\
see  you \t soon. \r\n\
Yours, Ann\r\n\
\r\n\
\r\n";

fn with(field: &str, raw: &[u8]) -> Vec<u8> {
    [field.as_bytes(), raw].concat()
}

/// A line of a zone: a text in strings of 255 bytes.
fn txt(name: &str, text: &str) -> String {
    let strings = text.as_bytes().chunks(255).map(|part| {
        let part = String::from_utf8_lossy(part);
        format!("\"{}\"", part.replace('\\', "\\\\").replace('"', "\\\""))
    });
    let strings: Vec<String> = strings.collect();
    format!("{name} TXT ( {} )\n", strings.join(" "))
}

/// Keys, SPF and DMARC of example.test, beneath a tree that says of every other name that there is none.
fn dns() -> Bind {
    let mut zone = txt("example.test.", "v=spf1 ip4:192.0.2.1 -all");
    zone += &txt("example.test.", "another-text=1");
    zone += &txt(
        "_dmarc.example.test.",
        "v=DMARC1; p=reject; rua=mailto:d@example.test",
    );
    for signer in [rsa(), ed()] {
        zone += &txt(&format!("{}.", signer.dns_name()), &signer.dns_record());
    }
    Bind::start(&[(".", &zone)]).unwrap()
}

fn resolver(address: SocketAddr) -> TokioResolver {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.options_mut().use_hosts_file = ResolveHosts::Never;
    builder.build().unwrap()
}

fn checker(bind: &Bind) -> Checker {
    Checker::new(resolver(bind.address()), "mx.archive.test")
}

fn came(sender: &str) -> Came {
    Came {
        client: HOST,
        helo: "mail.example.test".to_owned(),
        sender: sender.to_owned(),
    }
}

async fn check(bind: &Bind, raw: &[u8]) -> Checks {
    let raw = Bytes::copy_from_slice(raw);
    checker(bind).check(&raw, &came("ann@example.test")).await
}

/// The answer that DNS would give for a key.
fn key(signer: &Signer) -> Record {
    published(&signer.dns_name(), &signer.dns_record())
}

fn published(name: &str, text: &str) -> Record {
    Record {
        asked: Asked::Key,
        name: name.to_owned(),
        found: Found::Texts(vec![text.to_owned()]),
        at: AT,
    }
}

fn judged(raw: &[u8], records: &[Record]) -> Vec<Dkim> {
    dkim::judge(raw, records, AT, 10)
}

fn verdicts(raw: &[u8], records: &[Record]) -> Vec<Verdict> {
    judged(raw, records).iter().map(|one| one.verdict).collect()
}
