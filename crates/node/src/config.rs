//! The configuration file: TOML, each setting optional, unknown ones refused.

mod alerts;
mod dns;
mod relay;
mod tls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::{PartialSchema, ToSchema};

use crate::NodeError;
pub use alerts::AlertsConfig;
pub use dns::DnsConfig;
pub use relay::{DkimConfig, RelayConfig, RelayTls};
pub use tls::{AcmeConfig, TlsConfig};

/// Everything that can be set.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Listeners, as `NAME=ADDRESS:PORT`; `--listen` replaces them all. Names: `https`; `http` for
    /// loopback addresses only; `metrics` for Prometheus, without TLS; `nodes` for the other nodes of
    /// a cluster, at the address by which they reach this one; `journal`, `lmtp` and `milter` for mail,
    /// from the peers of `[capture]`; `mx` for mail of the organization's domains from anybody, and `submission`
    /// (STARTTLS) or `submissions` (TLS from the first byte) from its users, which goes on as `[relay]` says; `imap` (STARTTLS) and
    /// `imaps` for standby mailboxes.
    pub listen: Vec<String>,
    /// Where catalog and objects lie.
    pub store: StoreConfig,
    /// Certificates.
    pub tls: TlsConfig,
    /// Limits of what one caller may ask for.
    pub limits: LimitConfig,
    /// What the nodes of a cluster do for each other.
    pub nodes: NodesConfig,
    /// Backups that the service takes by itself.
    pub backup: BackupConfig,
    /// What comes in over the listeners `journal`, `lmtp` and `milter`.
    pub capture: CaptureConfig,
    /// What names are looked up with.
    pub dns: DnsConfig,
    /// Mail that goes on.
    pub relay: RelayConfig,
    /// Who is told when something is not well.
    pub alerts: AlertsConfig,
}

/// Where catalog and objects lie, if not in the data directory: both, or neither.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// PostgreSQL, as `postgres://USER@HOST/DATABASE`; `--catalog` and `EVERPOST_CATALOG` replace
    /// it. The password is better in `PGPASSWORD` or a password file than here.
    pub catalog: Option<String>,
    /// S3, as `s3://BUCKET/PREFIX?endpoint=https://HOST`; `--objects` and `EVERPOST_OBJECTS` replace
    /// it. Key and secret come from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    pub objects: Option<String>,
    /// Bytes of the index that a node keeps in `cache/` of its data directory, sealed as they came,
    /// where the index lies in S3; 0 keeps none.
    pub cache_bytes: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            catalog: None,
            objects: None,
            // The index of a million copies and more.
            cache_bytes: 2 << 30,
        }
    }
}

/// Limits of what one caller may ask for.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitConfig {
    /// Requests a second that a caller may make for long. A page of the console makes ten.
    pub requests_per_second: u32,
    /// Requests that a caller may make at once.
    pub burst: u32,
    /// Bytes of an uploaded file of mail.
    pub upload_bytes: u64,
}

impl Default for LimitConfig {
    fn default() -> Self {
        LimitConfig {
            requests_per_second: 100,
            burst: 500,
            // A mailbox export of 50 GB is the largest seen.
            upload_bytes: 64 << 30,
        }
    }
}

/// What the nodes of a cluster do for each other, those that have a listener `nodes`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NodesConfig {
    /// Searches over so many copies or more are shared with the other nodes.
    pub share_from: u64,
}

impl Default for NodesConfig {
    fn default() -> Self {
        // Below, asking others takes longer than it saves.
        NodesConfig {
            share_from: 200_000,
        }
    }
}

/// What comes in over the listeners `journal` (SMTP), `lmtp` and `milter`: mail on its way, which is archived
/// before its sender is told that it was taken.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CaptureConfig {
    /// The organization's domains: whose address is in one of them, sender or recipient, has the mail in
    /// its mailbox here. Needed by all three listeners.
    pub domains: Vec<String>,
    /// Who may hand mail in: addresses and networks, as `10.0.0.25` or `40.92.0.0/15`. Everybody else is
    /// turned away.
    #[schema(value_type = Vec<String>)]
    pub from: Vec<Network>,
    /// Which journal reports of `journal` and `lmtp` are believed: `read` all that can be recognised, `marked`
    /// those that a header field marks, `ignored` none, so that every mail is a plain copy. Who is let in may
    /// write anything into a report, so take `ignored` where plain copies come from outside.
    pub reports: Reports,
    /// Bytes of mail on its way in, of all connections together, that memory may hold. Without room a
    /// sender is asked to come again.
    pub room_bytes: u64,
    /// Bytes of it that may lie, sealed, in `spool/` of the data directory: messages above 256 KiB that are not
    /// complete yet.
    pub spool_bytes: u64,
    /// Bytes of one mail. A larger one is refused.
    pub max_message_bytes: u64,
    /// What the listener `milter` answers for a mail that cannot be archived: `closed` has the mail server
    /// ask its sender to come again; `open` lets it pass, and the log names what is missing.
    pub milter_fails: Fails,
}

impl Default for CaptureConfig {
    fn default() -> Self {
        let loopback = [
            IpNet::new_assert(Ipv4Addr::new(127, 0, 0, 0).into(), 8),
            IpAddr::from(Ipv6Addr::LOCALHOST).into(),
        ];
        CaptureConfig {
            domains: Vec::new(),
            from: loopback.map(Network).into(),
            reports: Reports::Read,
            room_bytes: 256 << 20,
            spool_bytes: 4 << 30,
            // What Microsoft 365 lets a mail have at most.
            max_message_bytes: 150 << 20,
            milter_fails: Fails::Closed,
        }
    }
}

/// Which reports are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reports {
    /// All that can be recognised.
    Read,
    /// Those that are marked.
    Marked,
    /// None.
    Ignored,
}

/// What becomes of what cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fails {
    /// It passes.
    Open,
    /// It is held up.
    Closed,
}

/// A network, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl Network {
    /// Whether an address is of it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let network = address.or_else(|_| text.parse::<IpNet>());
        let wrong = |_| format!("`{text}` is neither an address nor a network, as 10.0.0.0/8");
        network.map(Network).map_err(wrong)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        let Network(network) = network;
        match network.prefix_len() == network.max_prefix_len() {
            true => network.addr().to_string(),
            false => network.to_string(),
        }
    }
}

/// Backups that the service takes by itself; none without a repository.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackupConfig {
    /// The folder of the repository, one that `everpost backup create` made or a new one. All nodes of a cluster
    /// reach it by this path.
    #[schema(value_type = Option<String>)]
    pub repository: Option<PathBuf>,
    /// Hours from one backup to the next; a storage class may ask for less.
    pub every_hours: u32,
    /// Snapshots of so many days are kept.
    pub keep_days: u32,
}

impl Default for BackupConfig {
    fn default() -> Self {
        BackupConfig {
            repository: None,
            every_hours: 24,
            // What was erased is gone from backups after so long.
            keep_days: 30,
        }
    }
}

impl BackupConfig {
    /// Seconds from one backup to the next.
    pub fn every(&self) -> i64 {
        i64::from(self.every_hours) * 3600
    }
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        let text = std::fs::read_to_string(path).map_err(|error| NodeError::file(path, error))?;
        toml::from_str(&text)
            .map_err(|error| NodeError::Config(format!("{}: {error}", path.display())))
    }

    /// Every setting as a file would say it, those with a value.
    pub fn to_toml(&self) -> Result<String, NodeError> {
        toml::to_string(self).map_err(|error| NodeError::Config(error.to_string()))
    }
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP in TLS 1.3.
    Https,
    /// HTTP in the clear, on this machine only.
    Http,
    /// Figures for Prometheus, in the clear: they tell of nobody's mail.
    Metrics,
    /// What nodes of a cluster ask each other: HTTP whose bodies are sealed.
    Nodes,
    /// Copies of mail and journal reports, by SMTP.
    Journal,
    /// The same by LMTP.
    Lmtp,
    /// Mail that a mail server shows to a filter.
    Milter,
    /// Mail of other servers for the organization, by SMTP.
    Mx,
    /// Mail of the organization's users, by SMTP.
    Submission,
    /// The same within TLS from the first byte (RFC 8314).
    Submissions,
    /// Standby mailboxes, for their users' mail programs.
    Imap,
    /// The same within TLS from the first byte.
    Imaps,
}

impl Protocol {
    /// Its name in `--listen`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Https => "https",
            Protocol::Http => "http",
            Protocol::Metrics => "metrics",
            Protocol::Nodes => "nodes",
            Protocol::Journal => "journal",
            Protocol::Lmtp => "lmtp",
            Protocol::Milter => "milter",
            Protocol::Mx => "mx",
            Protocol::Submission => "submission",
            Protocol::Submissions => "submissions",
            Protocol::Imap => "imap",
            Protocol::Imaps => "imaps",
        }
    }
}

/// A listener to be opened: `NAME=ADDRESS:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where.
    pub address: SocketAddr,
}

impl FromStr for Listen {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let wrong = |why: &str| NodeError::Config(format!("`{text}` is no listener: {why}"));
        let (name, address) = text
            .split_once('=')
            .ok_or_else(|| wrong("write NAME=ADDRESS:PORT, as https=127.0.0.1:8443"))?;
        let address: SocketAddr = address
            .parse()
            .map_err(|_| wrong("the address is an IP address and a port, as 127.0.0.1:8443"))?;
        let protocol = match name {
            "https" => Protocol::Https,
            "http" if address.ip().is_loopback() => Protocol::Http,
            "http" => {
                return Err(wrong(
                    "http is for loopback addresses only; use https elsewhere",
                ));
            }
            "metrics" => Protocol::Metrics,
            // The others are told this address.
            "nodes" if address.ip().is_unspecified() => {
                return Err(wrong(
                    "give the address by which other nodes reach this one",
                ));
            }
            "nodes" => Protocol::Nodes,
            "journal" => Protocol::Journal,
            "lmtp" => Protocol::Lmtp,
            "milter" => Protocol::Milter,
            "mx" => Protocol::Mx,
            "submission" => Protocol::Submission,
            "submissions" => Protocol::Submissions,
            "imap" => Protocol::Imap,
            "imaps" => Protocol::Imaps,
            _ => {
                return Err(wrong(
                    "the names are https, http, metrics, nodes, journal, lmtp, milter, mx, submission, submissions, imap and imaps",
                ));
            }
        };
        Ok(Listen { protocol, address })
    }
}

/// The names that a certificate is made for.
pub(crate) fn names(config: &TlsConfig, listen: &[Listen]) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    let bound = listen.iter().map(|listen| listen.address.ip());
    names.extend(
        bound
            .filter(|ip| !ip.is_unspecified())
            .map(|ip: IpAddr| ip.to_string()),
    );
    names.extend(config.names.iter().cloned());
    names.sort();
    names.dedup();
    names
}

/// Every setting with its meaning and default, as a page for operators. It is made of the types
/// above, so that it cannot say what is not so.
pub fn reference() -> String {
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut page = String::from(
        "# Configuration\n\nMade by `everpost config reference`. The file is TOML, given with `--config FILE`; every setting is \
         optional, an unknown one\nis refused. `everpost config check` reads a file and says what is wrong with it, `everpost config \
         show` what is in force.\n",
    );
    let sections = [
        ("", Config::schema()),
        ("store", StoreConfig::schema()),
        ("tls", TlsConfig::schema()),
        ("tls.acme", AcmeConfig::schema()),
        ("limits", LimitConfig::schema()),
        ("nodes", NodesConfig::schema()),
        ("backup", BackupConfig::schema()),
        ("capture", CaptureConfig::schema()),
        ("dns", DnsConfig::schema()),
        ("relay", RelayConfig::schema()),
        ("[relay.dkim]", DkimConfig::schema()),
        ("alerts", AlertsConfig::schema()),
    ];
    // It stands in no configuration by itself.
    let acme = serde_json::to_value(AcmeConfig::default()).unwrap_or_default();
    for (name, schema) in sections {
        let schema = serde_json::to_value(schema).unwrap_or_default();
        let defaults = match name {
            "" => &defaults,
            "tls.acme" => &acme,
            // Each setting of it is needed.
            "[relay.dkim]" => &serde_json::Value::Null,
            name => field(&defaults, name),
        };
        let about = field(&schema, "description").as_str().unwrap_or_default();
        match name {
            "" => page.push_str("\n| setting | meaning | default |\n|---|---|---|\n"),
            name => page.push_str(&format!(
                "\n## `[{name}]`\n\n{}\n\n| setting | meaning | default |\n|---|---|---|\n",
                on_one_line(about)
            )),
        }
        let settings = field(&schema, "properties").as_object();
        for (setting, about) in settings.into_iter().flatten() {
            let default = field(defaults, setting);
            // A table of its own.
            let table = [("tls", "acme"), ("relay", "dkim")].contains(&(name, setting.as_str()));
            if default.is_object() || table {
                continue;
            }
            let default = match default {
                serde_json::Value::Null => "none".to_string(),
                default => format!("`{default}`"),
            };
            let about = field(about, "description").as_str().unwrap_or_default();
            page.push_str(&format!(
                "| `{setting}` | {} | {default} |\n",
                on_one_line(about)
            ));
        }
    }
    page
}

/// A field of an object; null where there is none.
fn field<'a>(object: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    object.get(name).unwrap_or(&serde_json::Value::Null)
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn listeners_are_read_and_http_stays_at_home() {
        let listen: Listen = "https=0.0.0.0:8443".parse().unwrap();
        assert_eq!(listen.protocol, Protocol::Https);
        assert_eq!(listen.address.port(), 8443);
        assert!("http=[::1]:0".parse::<Listen>().is_ok());
        for wrong in [
            "",
            "https",
            "https=host:1",
            "http=0.0.0.0:80",
            "nodes=0.0.0.0:80",
            "gopher=127.0.0.1:70",
        ] {
            let error = wrong.parse::<Listen>().unwrap_err();
            assert_eq!(error.code(), "E-CONFIG", "{wrong}");
        }
    }

    #[test]
    fn a_file_says_what_it_means_or_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("everpost.toml");
        std::fs::write(
            &path,
            "listen = ['https=127.0.0.1:0']\n[limits]\nburst = 7\n",
        )
        .unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!((config.listen.len(), config.limits.burst), (1, 7));
        assert_eq!(config.limits.requests_per_second, 100);
        std::fs::write(&path, "[capture]\nfrom = ['10.1.2.0/24', '::1']").unwrap();
        let from = Config::read(&path).unwrap().capture.from;
        let within = |address: &str| {
            let address = address.parse().unwrap();
            from.iter().any(|network| network.contains(address))
        };
        assert!(within("10.1.2.9") && within("::ffff:10.1.2.9") && within("::1"));
        assert!(!within("10.1.3.9") && !within("::2"));
        std::fs::write(&path, "[capture]\nfrom = ['mail.example.org']").unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("mail.example.org"), "{error}");
        std::fs::write(&path, "lisen = []").unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("lisen"), "{error}");
    }
}
