//! Running the program, a mailbox to import, and what must hold of the archive afterwards.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use everpost_codec::mbox::write_rd;
use everpost_domain::digest::Digest;
use everpost_store::{JobState, Options, Store, StoreError};
use everpost_testkit::corpus;
use everpost_testkit::letters::Letters;
use serde_json::Value;

pub(crate) const EVERPOST: &str = env!("CARGO_BIN_EXE_everpost");
const MAILBOX: &str = "alice@example.org";

/// More repetitions, where they were asked for.
pub(crate) fn soak() -> bool {
    std::env::var("EVERPOST_SOAK").is_ok_and(|value| value == "1")
}

/// What a run said.
pub(crate) struct Said {
    /// Its exit code; 137 where it was killed.
    pub(crate) code: i32,
    /// Objects on standard output.
    pub(crate) lines: Vec<Value>,
    /// Standard error.
    pub(crate) errors: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let code = output
            .status
            .code()
            .or(output.status.signal().map(|signal| 128 + signal))
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        Said {
            code,
            lines,
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The summary of a run that went well.
    pub(crate) fn summary(&self) -> &Value {
        assert_eq!(self.code, 0, "{}", self.errors);
        self.lines
            .last()
            .filter(|line| line["summary"] == true)
            .expect("the last line is a summary")
    }
}

pub(crate) fn run(command: &mut Command) -> Said {
    Said::of(
        &command
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}")),
    )
}

/// The program with an archive in `data`; `before` is what it is started with. Nothing here
/// takes minutes: what does, hangs.
pub(crate) fn everpost<S: AsRef<OsStr>>(before: &[&str], data: &Path, args: &[S]) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["-s", "KILL", "300"])
        .args(before)
        .arg(EVERPOST);
    command.args(["--json", "--data"]).arg(data).args(args);
    command
}

/// A mailbox file and the mails that come out of it.
pub(crate) struct Mailbox {
    _dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
    /// Items, in order, by digest.
    pub(crate) items: Vec<Digest>,
    pub(crate) mails: BTreeMap<Digest, Vec<u8>>,
}

impl Mailbox {
    fn new(real: usize) -> Self {
        let mut letters = Letters::new(40);
        let all = corpus::spam_assassin().unwrap();
        let step = all.len() / real;
        let mut mails: Vec<Vec<u8>> = all
            .into_iter()
            .step_by(step)
            .map(|mail| mail.bytes)
            .collect();
        // Large ones are groups of their own: a run commits before, between and after them.
        let noise = letters.noise(3_400_000);
        for place in [10, real / 3, real / 2, real - 5] {
            mails.insert(place, letters.letter_with(300, &noise[place..]));
        }
        let again = mails[3..9].to_vec();
        mails.extend(again);
        Mailbox::of(mails)
    }

    /// A mailbox of these mails.
    pub(crate) fn of(mails: Vec<Vec<u8>>) -> Self {
        let mut file = Vec::new();
        let mut box_ = Mailbox {
            _dir: tempfile::tempdir().unwrap(),
            path: PathBuf::new(),
            items: Vec::new(),
            mails: BTreeMap::new(),
        };
        for mut mail in mails {
            write_rd(&mut file, b"someone@example.org", 1_600_000_000, &mail);
            // The format cannot keep a mail without a line break at its end.
            if mail.last().is_some_and(|last| *last != b'\n') {
                mail.push(b'\n');
            }
            let id = Digest::of(&mail);
            box_.items.push(id);
            box_.mails.insert(id, mail);
        }
        box_.path = box_._dir.path().join("alice.mbox");
        fs::write(&box_.path, file).unwrap();
        box_
    }

    pub(crate) fn arguments(&self) -> [&str; 7] {
        [
            "import",
            "mbox",
            self.path.to_str().unwrap(),
            "--dialect",
            "rd",
            "--mailbox",
            MAILBOX,
        ]
    }

    /// The balance of an import of everything.
    pub(crate) fn balances(&self, summary: &Value) {
        let count = |name: &str| summary[name].as_u64().unwrap() as usize;
        let (items, distinct) = (self.items.len(), self.mails.len());
        let told = [
            count("seen"),
            count("stored"),
            count("duplicate"),
            count("rejected"),
            count("failed"),
        ];
        assert_eq!(told, [items, distinct, items - distinct, 0, 0]);
    }
}

/// One mailbox for all tests of this program.
pub(crate) static ALICE: LazyLock<Mailbox> =
    LazyLock::new(|| Mailbox::new(if soak() { 2000 } else { 150 }));

/// What an interrupted run left: whatever a job counts is there. Returns whether the job was
/// finished, as when the program died after its last word to the catalog.
pub(crate) fn left_behind(data: &Path, mailbox: &Mailbox) -> bool {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = match Store::open(Options::new(data)).await {
            Ok(opened) => opened,
            Err(StoreError::NotFound(_)) => return false,
            // Died before the first tenant was made: nothing was acknowledged.
            Err(error) => panic!("what was left does not open: {error}"),
        };
        let tenant = opened.store.tenant(None).unwrap();
        let jobs = tenant.jobs().await.unwrap();
        let status = tenant.status().await.unwrap();
        assert!(jobs.len() <= 1, "one run, one job");
        let counts = jobs.first().map(|job| job.counts).unwrap_or_default();
        assert!(counts.balances());
        assert_eq!(status.deliveries, counts.seen, "rows and job tell the same");
        assert_eq!(status.copies, counts.stored);
        for id in mailbox.items.iter().take(counts.seen as usize) {
            assert!(
                tenant.raw(id).await.unwrap() == mailbox.mails[id],
                "{id} was acknowledged"
            );
        }
        opened.store.close().await.unwrap();
        jobs.first().is_some_and(|job| job.state == JobState::Done)
    })
}

/// The archive holds the mailbox exactly: by what the program says and by its bytes.
pub(crate) fn is_whole(data: &Path, mailbox: &Mailbox) {
    let said = run(&mut everpost(&[], data, &["status"]));
    let status = said.summary();
    let number = |name: &str| status[name].as_u64().unwrap() as usize;
    assert_eq!(number("copies"), mailbox.mails.len());
    assert_eq!(
        number("deliveries"),
        mailbox.items.len(),
        "each item was delivered once"
    );
    assert_eq!(number("events"), mailbox.items.len());
    assert_eq!([number("index_lag"), number("log_lag")], [0, 0]);
    let said = run(&mut everpost(
        &[],
        data,
        &["search", "", "--by", "copy", "--limit", "1"],
    ));
    assert_eq!(
        said.summary()["copies"].as_u64().unwrap() as usize,
        mailbox.mails.len()
    );
    let sample = mailbox.items[mailbox.items.len() / 3];
    let shown = everpost(&[], data, &["show", &sample.to_string(), "--raw"])
        .output()
        .unwrap();
    assert!(
        shown.stdout == mailbox.mails[&sample],
        "show --raw {sample}"
    );
    assert!(left_behind(data, mailbox), "the job is done");
}
