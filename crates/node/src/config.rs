//! The configuration file: TOML, each setting optional, unknown ones refused.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::NodeError;

/// Everything that can be set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Listeners, as `NAME=ADDRESS:PORT`; `--listen` replaces them all.
    pub listen: Vec<String>,
    /// Certificates.
    pub tls: TlsConfig,
    /// Limits of what one caller may ask for.
    pub limits: LimitConfig,
}

/// Which certificate is shown. Without one, an authority of this archive's own signs one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate chain, PEM.
    pub cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// Names and addresses that the certificate of our own authority is for, beside
    /// `localhost` and the addresses listened on.
    pub names: Vec<String>,
}

/// Limits of what one caller may ask for.
#[derive(Debug, Clone, Deserialize)]
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

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        let text = std::fs::read_to_string(path).map_err(|error| NodeError::file(path, error))?;
        toml::from_str(&text)
            .map_err(|error| NodeError::Config(format!("{}: {error}", path.display())))
    }
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP in TLS 1.3.
    Https,
    /// HTTP in the clear, on this machine only.
    Http,
}

impl Protocol {
    /// Its name in `--listen`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Https => "https",
            Protocol::Http => "http",
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
            _ => return Err(wrong("the names are https and http")),
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
        std::fs::write(&path, "lisen = []").unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("lisen"), "{error}");
    }
}
