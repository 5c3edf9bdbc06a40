//! One contract for every address: a story calls every verb of the store, and is answered the
//! same by SQLite and a directory, by PostgreSQL and S3, and by each of them while its effects
//! fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

mod complete;
mod mails;
mod place;
mod story;
mod transcript;
mod verbs;

use place::{Peers, Place};

/// A folder to write transcripts to, for people.
const TRANSCRIPTS: &str = "EVERPOST_TRANSCRIPTS";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_behaviour_differs() {
    let peers = Peers::start();
    let places = [
        Place::embedded("file", false),
        Place::embedded("file, faulty", true),
        Place::cluster("server", &peers, false),
        Place::cluster("server, faulty", &peers, true),
    ];
    let mut told = Vec::new();
    for place in places {
        let (name, faulty) = (place.name, place.is_faulty());
        let began = std::time::Instant::now();
        let (transcript, faults) = story::tell(place).await;
        let (lines, took) = (transcript.lines.len(), began.elapsed());
        println!("{name}: {lines} lines in {took:.1?}, {faults:?}");
        // Otherwise nothing was put to the test.
        let broken = faults.failures > 100 && faults.repeats > 100;
        assert_eq!(broken, faulty, "{name}: {faults:?}");
        if let Some(folder) = std::env::var_os(TRANSCRIPTS) {
            let path = std::path::Path::new(&folder).join(name);
            std::fs::write(path, transcript.to_string()).unwrap();
        }
        told.push(transcript);
    }
    for (at, one) in told.iter().enumerate() {
        for two in told.iter().skip(at + 1) {
            if let Some(difference) = one.difference(two) {
                panic!("{difference}");
            }
        }
    }
}
