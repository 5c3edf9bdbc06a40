//! What handshakes show: a certificate that can be replaced while connections live, and for a moment
//! the answers to an authority that wants to know whether a name is ours.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use crate::certificate::{Certificate, Facts};

/// The protocol by which an authority asks (RFC 8737).
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// What is shown at this time, and what keeps another from following it.
#[derive(Debug, Clone)]
pub struct Status {
    /// The certificate.
    pub facts: Facts,
    /// Why the one that should follow is not there: what went wrong, and what to do.
    pub trouble: Option<String>,
    /// How often it was looked whether another should follow.
    pub looks: u64,
}

/// The certificate that handshakes show.
pub(crate) struct Shown {
    certificate: ArcSwap<Certificate>,
    /// By name: what to show who asks with [`ACME_TLS`]. Held for a moment only, and by no handshake of
    /// anybody else.
    answers: RwLock<HashMap<String, Arc<CertifiedKey>>>,
    status: watch::Sender<Status>,
}

impl Shown {
    pub(crate) fn new(certificate: Certificate) -> Arc<Self> {
        let status = Status {
            facts: certificate.facts().clone(),
            trouble: None,
            looks: 0,
        };
        Arc::new(Shown {
            certificate: ArcSwap::from_pointee(certificate),
            answers: RwLock::default(),
            status: watch::Sender::new(status),
        })
    }

    pub(crate) fn certificate(&self) -> Arc<Certificate> {
        self.certificate.load_full()
    }

    /// Shows another one from the next handshake on.
    pub(crate) fn replace(&self, certificate: Certificate) {
        let facts = certificate.facts().clone();
        self.certificate.store(Arc::new(certificate));
        self.status.send_modify(|status| status.facts = facts);
    }

    /// Writes down that it was looked, and what was in the way. True where it is something new.
    pub(crate) fn looked(&self, trouble: Option<String>) -> bool {
        let mut new = false;
        self.status.send_modify(|status| {
            new = status.trouble != trouble;
            status.trouble = trouble;
            status.looks += 1;
        });
        new
    }

    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Answers an authority that asks for this name until the value is dropped.
    pub(crate) fn answer(self: &Arc<Self>, name: &str, with: CertifiedKey) -> Answer {
        let name = name.to_ascii_lowercase();
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        answers.insert(name.clone(), Arc::new(with));
        drop(answers);
        Answer {
            shown: self.clone(),
            name,
        }
    }
}

/// An answer to an authority, given until this is dropped.
pub(crate) struct Answer {
    shown: Arc<Shown>,
    name: String,
}

impl Drop for Answer {
    fn drop(&mut self) {
        let answers = self.shown.answers.write();
        let mut answers = answers.unwrap_or_else(PoisonError::into_inner);
        answers.remove(&self.name);
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // An authority offers this protocol alone; whoever offers others too gets one of those.
        let asks = hello.alpn().is_some_and(|mut offered| {
            offered.next() == Some(ACME_TLS) && offered.next().is_none()
        });
        if !asks {
            return Some(self.certificate.load().shown());
        }
        let name = hello.server_name()?.to_ascii_lowercase();
        let answers = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        answers.get(&name).cloned()
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shown({:?})", self.status.borrow())
    }
}
