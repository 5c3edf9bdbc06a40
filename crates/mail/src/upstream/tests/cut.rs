//! The line is cut in the middle of each order, after every so many bytes, each way. What we conclude has to be true.

use std::sync::atomic::Ordering;

use super::proxy::{Line, line};
use super::*;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Append,
    LongAppend,
    Store,
    Copy,
    Move,
    MoveInSteps,
    Delete,
    Create,
    Rename,
    DeleteFolder,
    Subscribe,
}

/// A mailbox in which something is about to be done to a message or folder of this name.
struct Scene<'a> {
    line: &'a Line,
    judge: &'a mut Upstream,
    name: String,
    place: Place,
}

impl Scene<'_> {
    async fn act(&self, upstream: &mut Upstream, deed: Deed) -> Result<Verdict, Trouble> {
        let (name, place) = (self.name.as_str(), &self.place);
        let new = format!("new-{name}");
        match deed {
            Deed::Append => upstream.append("INBOX", &["\\Seen"], 0, &mail(&new)).await,
            Deed::LongAppend => {
                let mut long = mail(&new);
                long.push(Bytes::from(vec![b'x'; 200_000]));
                upstream.append("INBOX", &[], 0, &long).await
            }
            Deed::Store => upstream.store(place, &["\\Flagged"], &[], None).await,
            Deed::Copy => upstream.copy(place, "Trash").await,
            Deed::Move | Deed::MoveInSteps => upstream.relocate(place, "Trash").await,
            Deed::Delete => {
                let unchanged = Unchanged {
                    modseq: None,
                    flags: &|_| true,
                };
                upstream.delete(place, &unchanged).await
            }
            Deed::Create => upstream.create(&new).await,
            Deed::Rename => upstream.rename(name, &new).await,
            Deed::DeleteFolder => {
                let counts = self.place.uidvalidity;
                upstream.delete_folder(name, counts, 1).await
            }
            Deed::Subscribe => upstream.subscribe(name, true).await,
        }
    }

    /// Whether it was done, and whether what was there before is.
    async fn truth(&mut self, deed: Deed) -> (bool, bool) {
        let (name, new) = (self.name.clone(), format!("new-{}", self.name));
        let is_in = async |judge: &mut Upstream, folder: &str, id: &str| {
            !judge
                .find(folder, &format!("<{id}@x>"), None)
                .await
                .unwrap()
                .messages
                .is_empty()
        };
        let judge = &mut *self.judge;
        match deed {
            Deed::Append | Deed::LongAppend => (is_in(judge, "INBOX", &new).await, true),
            Deed::Store => {
                let flags = all(judge, "INBOX").await.remove(&self.place.uid).unwrap();
                (flags.contains(&"\\Flagged".to_owned()), true)
            }
            Deed::Copy => (
                is_in(judge, "Trash", &name).await,
                is_in(judge, "INBOX", &name).await,
            ),
            Deed::Move | Deed::MoveInSteps => (
                is_in(judge, "Trash", &name).await,
                is_in(judge, "INBOX", &name).await,
            ),
            Deed::Delete => (!is_in(judge, "INBOX", &name).await, true),
            Deed::Create => (judge.has_folder(&new).await.unwrap(), true),
            Deed::Rename => (
                judge.has_folder(&new).await.unwrap(),
                judge.has_folder(&name).await.unwrap(),
            ),
            Deed::DeleteFolder => (!judge.has_folder(&name).await.unwrap(), true),
            Deed::Subscribe => {
                let folders = judge.folders(false).await.unwrap().all;
                (
                    folders
                        .iter()
                        .any(|folder| folder.name == name && folder.is_subscribed),
                    true,
                )
            }
        }
    }
}

/// Counts of verdicts: done, not done, lost.
type Tally = BTreeMap<&'static str, u32>;

async fn cut(scene: &mut Scene<'_>, deed: Deed, way: &str, after: i64, tally: &mut Tally) {
    let ignored: &[&str] = if deed == Deed::MoveInSteps {
        &["MOVE"]
    } else {
        &[]
    };
    let mut upstream = connect(scene.line.address, ignored).await;
    // A folder that is deleted or renamed is not the one that is open.
    upstream.look("INBOX", None, Access::Write).await.unwrap();
    let budget = if way == "there" {
        &scene.line.there
    } else {
        &scene.line.back
    };
    budget.store(after, Ordering::SeqCst);
    let verdict = scene.act(&mut upstream, deed).await;
    budget.store(-1, Ordering::SeqCst);
    // What the server read it may still be doing.
    tokio::time::sleep(Duration::from_millis(30)).await;
    let mut truth = scene.truth(deed).await;
    let label = format!("{deed:?} {way} {after}: {verdict:?} {truth:?}");
    let conclusion = match &verdict {
        Ok(Verdict::Done(done)) => {
            assert!(truth.0, "{label}");
            if deed == Deed::MoveInSteps && !done.remains || deed == Deed::Move {
                assert!(!truth.1, "{label}");
            }
            "done"
        }
        Ok(Verdict::NotAsThought | Verdict::Refused(_)) => panic!("{label}"),
        Err(Trouble::Lost(_)) => {
            // A second opinion later is the same: what is found again is the truth.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let again = scene.truth(deed).await;
            if again != truth {
                truth = again;
            }
            match truth.0 {
                true => "lost, was done",
                false => "lost, was not done",
            }
        }
        Err(Trouble::Unreachable(_) | Trouble::Away(_)) => {
            assert!(!truth.0, "{label}");
            assert!(truth.1, "{label}");
            "not done"
        }
        Err(_) => panic!("{label}"),
    };
    // Nothing is ever nowhere.
    if matches!(
        deed,
        Deed::Move | Deed::MoveInSteps | Deed::Copy | Deed::Rename
    ) {
        assert!(truth.0 || truth.1, "{label}");
    }
    *tally.entry(conclusion).or_default() += 1;
    // The connection says so, too, when it is used again.
    if verdict.is_err() {
        assert!(upstream.noop().await.is_err(), "{label}");
    }
}

async fn cut_everywhere(deed: Deed) -> Tally {
    let dovecot = dovecot();
    let line = line(dovecot.imap(), false).await;
    let mut judge = connect(dovecot.imap(), &[]).await;
    let mut tally = Tally::new();
    let mut number = 0;
    for way in ["there", "back"] {
        for after in [
            0, 1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 150, 200, 300, 100_000,
            1_000_000,
        ] {
            number += 1;
            let name = format!("m{number}");
            let place = match deed {
                Deed::Rename | Deed::DeleteFolder | Deed::Subscribe => {
                    judge.create(&name).await.unwrap();
                    let uidvalidity = judge.counts(&name).await.unwrap().unwrap().uidvalidity;
                    Place {
                        folder: name.clone(),
                        uidvalidity,
                        uid: 0,
                    }
                }
                _ => put(&mut judge, "INBOX", &name, &[]).await,
            };
            let mut scene = Scene {
                line: &line,
                judge: &mut judge,
                name,
                place,
            };
            cut(&mut scene, deed, way, after, &mut tally).await;
        }
    }
    tally
}

macro_rules! cuts {
    ($($test:ident: $deed:ident, $all:expr;)*) => {$(
        #[tokio::test]
        async fn $test() {
            let tally = cut_everywhere(Deed::$deed).await;
            let all: Vec<&str> = tally.keys().copied().collect();
            assert_eq!(all, $all, "{tally:?}");
        }
    )*};
}

const ALL: [&str; 3] = ["done", "lost, was done", "lost, was not done"];
/// Something is asked first, or the server has to want the message first.
const ALSO_NOT_DONE: [&str; 4] = ["done", "lost, was done", "lost, was not done", "not done"];

cuts! {
    append: Append, ALL;
    long_append: LongAppend, ALSO_NOT_DONE;
    store: Store, ALL;
    copy: Copy, ALL;
    relocate: Move, ALL;
    relocate_in_steps: MoveInSteps, ALL;
    delete: Delete, ALSO_NOT_DONE;
    create: Create, ALL;
    rename: Rename, ALSO_NOT_DONE;
    delete_folder: DeleteFolder, ALSO_NOT_DONE;
    subscribe: Subscribe, ALL;
}
