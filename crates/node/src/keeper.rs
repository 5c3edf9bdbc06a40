//! Has the certificate that is shown followed by another in time: files are read again when they
//! change, our own authority signs anew, one of a public authority is asked for. Connections that live
//! go on as they are. What cannot be used is refused and said in the log, and the old one stays.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::NodeError;
use crate::acme::Acme;
use crate::ca::Own;
use crate::certificate::Certificate;
use crate::shown::{Shown, Status};
use crate::stop::Stop;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(30);
/// The longest time until a date is looked at again: clocks are set, machines sleep.
const LONGEST: Duration = Duration::from_secs(3600);
/// And the shortest, for certificates of seconds.
const SHORTEST: Duration = Duration::from_secs(1);
/// The first wait after an authority gave nothing; each next one is twice as long. Authorities bear
/// with a handful of failures an hour.
const AGAIN: Duration = Duration::from_secs(60);
/// The longest of these waits.
const AGAIN_AT_MOST: Duration = Duration::from_secs(6 * 3600);

/// Where certificates come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// Files that somebody else writes.
    Given { cert: PathBuf, key: PathBuf },
    /// Our own authority.
    Own(Own),
    /// A public authority; our own where there is none of it yet.
    Acme(Acme, Own),
}

/// Has the certificate followed by another in time.
#[derive(Clone)]
pub struct Keeper {
    shown: Arc<Shown>,
    source: Source,
    every: Duration,
    hears_hangup: bool,
    failures: u32,
}

impl Keeper {
    pub(crate) fn new(shown: Arc<Shown>, source: Source) -> Self {
        Keeper {
            shown,
            source,
            every: LOOK,
            // On a terminal it says that the terminal is gone, and ends the process as ever.
            hears_hangup: !std::io::stdin().is_terminal(),
            failures: 0,
        }
    }

    /// How often files are looked at, if not every half minute.
    #[must_use]
    pub fn looking_every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Hears SIGHUP on a terminal, too, where it would end the process.
    #[must_use]
    pub fn hearing_hangup(mut self) -> Self {
        self.hears_hangup = true;
        self
    }

    /// What is shown, now and later.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.shown.status()
    }

    /// Looks until it is told to stop; at once when it starts, and on SIGHUP.
    pub async fn keep(mut self, stop: Stop) {
        let mut asked = self.hears_hangup.then(hangup).flatten();
        let mut by_hand = false;
        loop {
            let looked = async {
                let wait = self.look(by_hand).await;
                tokio::time::timeout(wait, asking(&mut asked)).await.is_ok()
            };
            by_hand = tokio::select! {
                () = stop.wait() => return,
                asked = looked => asked,
            };
            if by_hand {
                tracing::info!("asked by SIGHUP to look for another certificate");
            }
        }
    }

    /// Looks once, and says when to look again.
    async fn look(&mut self, by_hand: bool) -> Duration {
        let source = self.source.clone();
        let looked = match &source {
            Source::Given { cert, key } => self.given(Certificate::read(cert, key)),
            Source::Own(own) => self.own(own),
            Source::Acme(acme, own) => self.acme(acme, own).await,
        };
        let failed = looked.is_err();
        let trouble = looked.as_ref().err().map(in_words);
        let new = self.shown.looked(trouble.clone());
        let files = matches!(source, Source::Given { .. });
        if let Some(trouble) = trouble.filter(|_| new || by_hand || !files) {
            tracing::error!("no other certificate: {trouble}; the old one stays");
        }
        if files {
            return self.every;
        }
        if failed {
            // Each failure doubles the wait.
            let doubled = AGAIN.saturating_mul(1 << self.failures.min(16));
            self.failures += 1;
            return doubled.min(AGAIN_AT_MOST);
        }
        self.failures = 0;
        let due = self.shown.certificate().facts().due();
        let left = due.duration_since(SystemTime::now()).unwrap_or_default();
        left.clamp(SHORTEST, LONGEST)
    }

    fn given(&self, read: Result<Certificate, NodeError>) -> Result<(), NodeError> {
        let (new, old) = (read?, self.shown.certificate());
        if new.chain() == old.chain() {
            return Ok(());
        }
        let now = SystemTime::now();
        if !new.facts().is_valid(now) && old.facts().is_valid(now) {
            return Err(NodeError::Certificate(
                "the new one is not valid at this time".into(),
            ));
        }
        self.show(new);
        Ok(())
    }

    fn own(&self, own: &Own) -> Result<(), NodeError> {
        if SystemTime::now() >= self.shown.certificate().facts().due() {
            self.show(own.certificate()?);
        }
        Ok(())
    }

    async fn acme(&self, acme: &Acme, own: &Own) -> Result<(), NodeError> {
        let facts = self.status().borrow().facts.clone();
        let now = SystemTime::now();
        if now < facts.due() && acme.has_given(&facts) {
            return Ok(());
        }
        match acme.obtain(&self.shown).await {
            Ok(certificate) => self.show(certificate),
            Err(error) => {
                let ours = facts.covers("localhost");
                if (ours && now >= facts.due()) || !facts.is_valid(now) {
                    self.show(own.certificate()?);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn show(&self, certificate: Certificate) {
        let facts = certificate.facts();
        let days = facts.until.duration_since(SystemTime::now());
        let days = days.unwrap_or_default().as_secs() / 86_400;
        let names = facts.names.join(", ");
        tracing::info!(days, "another certificate is shown, for {names}");
        self.shown.replace(certificate);
    }
}

fn in_words(error: &NodeError) -> String {
    match error.hint() {
        "" => error.to_string(),
        hint => format!("{error}; {hint}"),
    }
}

fn hangup() -> Option<Signal> {
    match signal(SignalKind::hangup()) {
        Ok(signal) => Some(signal),
        Err(error) => {
            tracing::warn!(%error, "SIGHUP will not be heard");
            None
        }
    }
}

async fn asking(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use std::time::{Duration, SystemTime};

    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::PrivateKeyDer;

    use super::{Keeper, LONGEST, Source};
    use crate::ca::Own;
    use crate::certificate::Certificate;
    use crate::shown::Shown;

    const DAY: Duration = Duration::from_secs(86_400);

    /// A certificate of which these days are over, and as many are left.
    fn certificate(over: u32, left: u32) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let now = SystemTime::now();
        params.not_before = (now - DAY * over).into();
        params.not_after = (now + DAY * left).into();
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Certificate::new(vec![certificate.der().clone()], key).unwrap()
    }

    #[tokio::test]
    async fn our_own_is_signed_anew_when_two_thirds_are_over() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own {
            data: folder.path().join("data"),
            names: vec!["localhost".into()],
        };
        for (over, left, renewed) in [(200, 190, false), (300, 97, true), (400, 0, true)] {
            let shown = Shown::new(certificate(over, left));
            let before = shown.certificate().facts().clone();
            let mut keeper = Keeper::new(shown.clone(), Source::Own(own.clone()));
            assert_eq!(keeper.look(false).await, LONGEST);
            let after = shown.certificate().facts().clone();
            assert_eq!(after != before, renewed, "{over} {left}");
            assert!(!renewed || after.until > SystemTime::now() + DAY * 390);
        }
    }

    #[tokio::test]
    async fn a_file_that_has_run_out_replaces_none_that_has_not() {
        let keeper = |days| {
            let source = Source::Given {
                cert: "cert".into(),
                key: "key".into(),
            };
            Keeper::new(Shown::new(certificate(90, days)), source)
        };
        assert!(keeper(9).given(Ok(certificate(100, 0))).is_err());
        // Where the old one is as bad, the new one may be right about the names.
        assert!(keeper(0).given(Ok(certificate(100, 0))).is_ok());
        assert!(keeper(9).given(Ok(certificate(0, 90))).is_ok());
    }
}
