//! A certificate chain with its key, and what it says: for which names, from when until when.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::NodeError;

/// The certificates of a chain, the server's own first.
pub(crate) type Chain = Vec<CertificateDer<'static>>;

/// A chain with the key that it was made for.
pub struct Certificate {
    key: Arc<CertifiedKey>,
    facts: Facts,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// From when it is valid.
    pub from: SystemTime,
    /// Until when it is valid.
    pub until: SystemTime,
    /// Its number, by which it differs from others of its authority.
    pub serial: String,
}

impl Facts {
    fn read(certificate: &[u8]) -> Result<Self, NodeError> {
        let (_, certificate) = X509Certificate::from_der(certificate).map_err(wrong)?;
        let at = |seconds: i64| {
            let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
            SystemTime::UNIX_EPOCH + since
        };
        let names = certificate.subject_alternative_name().map_err(wrong)?;
        let names = names.map(|names| names.value.general_names.iter());
        Ok(Facts {
            names: names.into_iter().flatten().filter_map(name).collect(),
            from: at(certificate.validity().not_before.timestamp()),
            until: at(certificate.validity().not_after.timestamp()),
            serial: certificate.raw_serial_as_string(),
        })
    }

    /// Whether it is for this name or address.
    pub fn covers(&self, name: &str) -> bool {
        let parent = name.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|one| {
            let wild = one.strip_prefix("*.");
            one.eq_ignore_ascii_case(name)
                || wild
                    .zip(parent)
                    .is_some_and(|(wild, parent)| wild.eq_ignore_ascii_case(parent))
        })
    }

    /// When another should follow: at two thirds of its life, so that a third is left to get it.
    pub fn due(&self) -> SystemTime {
        let life = self.until.duration_since(self.from).unwrap_or_default();
        self.from + life / 3 * 2
    }

    /// Whether it is valid at this time.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.from <= now && now < self.until
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

impl Certificate {
    /// A chain and its key; an error if they do not belong together.
    pub(crate) fn new(chain: Chain, key: PrivateKeyDer<'static>) -> Result<Self, NodeError> {
        let first = chain
            .first()
            .ok_or_else(|| wrong("there is no certificate"))?;
        let facts = Facts::read(first)?;
        let provider = rustls::crypto::ring::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => wrong("the key is of another certificate"),
            other => wrong(other),
        })?;
        Ok(Certificate {
            key: Arc::new(key),
            facts,
        })
    }

    /// Reads a chain and its key, in PEM; both may lie in one file.
    pub fn read(cert: &Path, key: &Path) -> Result<Self, NodeError> {
        let read = |path: &Path| fs::read(path).map_err(|error| NodeError::file(path, error));
        let of = |path: &Path| {
            let path = path.display().to_string();
            move |error: &dyn std::fmt::Display| wrong(format!("{path}: {error}"))
        };
        let chain = CertificateDer::pem_slice_iter(&read(cert)?)
            .collect::<Result<Chain, _>>()
            .map_err(|error| of(cert)(&error))?;
        let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| of(key)(&error))?;
        Self::new(chain, key).map_err(|error| match error {
            NodeError::Certificate(what) => of(cert)(&what),
            other => other,
        })
    }

    /// What it says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The chain.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// As a handshake needs it.
    pub(crate) fn shown(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }
}

pub(crate) fn wrong(error: impl ToString) -> NodeError {
    NodeError::Certificate(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Facts;

    #[test]
    fn names_are_covered_one_label_deep() {
        let from = SystemTime::UNIX_EPOCH;
        let facts = Facts {
            names: ["mail.example.org", "*.example.net", "::1"]
                .map(String::from)
                .into(),
            from,
            until: from + Duration::from_secs(90),
            serial: String::new(),
        };
        for covered in [
            "mail.example.org",
            "Mail.Example.ORG",
            "a.example.net",
            "::1",
        ] {
            assert!(facts.covers(covered), "{covered}");
        }
        for other in [
            "example.org",
            "example.net",
            "b.a.example.net",
            "xmail.example.org",
        ] {
            assert!(!facts.covers(other), "{other}");
        }
        assert_eq!(facts.due(), from + Duration::from_secs(60));
        assert!(facts.is_valid(from) && !facts.is_valid(facts.until));
    }
}
