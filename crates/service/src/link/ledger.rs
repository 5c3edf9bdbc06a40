//! Who writes a user's mailbox back, and what was appended to it by whom.

use axum::extract::State;
use axum::response::Response;
use everpost_codec::link::message::{LeaseAnswer, LeaseAsk, LedgerAnswer, LedgerAsk, LedgerLine};
use everpost_domain::continuity::recovery::{Denied, Ledger};
use everpost_domain::digest::Digest;
use everpost_store::LedgerChange;

use super::signed::Carried;
use crate::app::App;
use crate::problem::Problem;

/// The longest that a mailbox is one device's without its asking again, in seconds.
const LONGEST: u32 = 600;
/// Lines of one answer: as many as the store reads at once.
const MOST_LINES: usize = 10_000;

pub(super) async fn lease(
    State(app): State<App>,
    carried: Carried<LeaseAsk>,
) -> Result<Response, Problem> {
    let device = carried.device.public_id();
    let seconds = i64::from(carried.head.seconds.clamp(1, LONGEST));
    let asked = app
        .tenant
        .change_ledger(&carried.device.owner, |ledger, now| {
            let given = ledger.lease(&device, now, seconds);
            (given, now)
        });
    let (given, now) = asked.await?;
    let answer = match given {
        Ok(generation) => LeaseAnswer {
            generation: Some(generation),
            holder: device,
            until: now + seconds,
            now,
        },
        Err(Denied::Taken { holder, until }) => LeaseAnswer {
            generation: None,
            holder,
            until,
            now,
        },
        Err(error @ Denied::Over(_)) => return Err(Problem::invalid(error.to_string())),
    };
    carried.answer(&app, answer, Vec::new()).await
}

/// Writes down what was appended, then what will be: all of that, or nothing. False where the lease is over.
fn write(ledger: &mut Ledger<Digest>, device: &str, ask: &LedgerAsk, now: i64) -> bool {
    for line in &ask.appended {
        if let Some(uid) = line.uid {
            // A line of an earlier generation is completed under that.
            let generation = match line.generation {
                0 => ask.generation,
                generation => generation,
            };
            ledger.appended(generation, &line.key, &line.folder, uid);
        }
    }
    let before = ledger.clone();
    let is_holder = ledger.held().is_some_and(|lease| lease.holder == device);
    for line in &ask.intend {
        // The same question once more: its answer was lost.
        let known = ledger.lines(&line.key).iter().any(|known| {
            known.generation == ask.generation && known.folder == line.folder && known.uid.is_none()
        });
        if known && is_holder {
            continue;
        }
        let intended = ledger.intend(ask.generation, now, &line.key, &line.folder);
        if !is_holder || intended.is_err() {
            *ledger = before;
            return false;
        }
    }
    true
}

fn shown(change: LedgerChange) -> LedgerLine {
    LedgerLine {
        key: change.key,
        folder: change.line.folder,
        uid: change.line.uid,
        generation: change.line.generation,
    }
}

pub(super) async fn ledger(
    State(app): State<App>,
    carried: Carried<LedgerAsk>,
) -> Result<Response, Problem> {
    let (device, owner) = (carried.device.public_id(), carried.device.owner.clone());
    let ask = &carried.head;
    let over = match ask.intend.is_empty() && ask.appended.is_empty() {
        true => false,
        false => {
            let write = |ledger: &mut Ledger<Digest>, now| write(ledger, &device, ask, now);
            !app.tenant.change_ledger(&owner, write).await?
        }
    };
    let changes = app.tenant.recovery_since(&owner, ask.since).await?;
    let answer = LedgerAnswer {
        over,
        upto: changes.last().map_or(ask.since, |last| last.number),
        more: changes.len() >= MOST_LINES,
        lines: changes.into_iter().map(shown).collect(),
    };
    carried.answer(&app, answer, Vec::new()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, uid: Option<u32>) -> LedgerLine {
        LedgerLine {
            key: Digest::of(text.as_bytes()),
            folder: "INBOX".into(),
            uid,
            generation: 0,
        }
    }

    #[test]
    fn intentions_are_written_once_and_only_under_the_lease() {
        let mut ledger = Ledger::default();
        let ask = LedgerAsk {
            generation: 1,
            intend: vec![line("a", None), line("b", None)],
            appended: Vec::new(),
            since: 0,
        };
        assert!(!write(&mut ledger, "D1", &ask, 0));
        assert_eq!(ledger.lease("D1", 0, 60), Ok(1));
        for _ in 0..2 {
            assert!(write(&mut ledger, "D1", &ask, 1));
            assert_eq!(ledger.lines(&Digest::of(b"a")).len(), 1);
        }
        // Nobody else writes under its generation.
        assert!(!write(&mut ledger, "D2", &ask, 1));
        let more = LedgerAsk {
            intend: vec![line("c", None)],
            appended: vec![line("a", Some(7))],
            ..ask
        };
        // The lease is over: what was done is written down, what is intended is not.
        assert!(!write(&mut ledger, "D1", &more, 61));
        assert_eq!(ledger.lines(&Digest::of(b"a"))[0].uid, Some(7));
        assert!(ledger.lines(&Digest::of(b"c")).is_empty());
    }
}
