//! Verification, repair, compaction.

use std::sync::atomic::Ordering;

use everpost_store::{Bad, CompactOptions, FsckReport, Stage, Verification, VerifyProgress};

use super::texts::Reader;
use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("verification");
    verify(story).await;
    fsck(story, true).await;
    // Texts that could not be read while it looked are read again.
    let reader = Reader::default();
    reader.calm.store(true, Ordering::Relaxed);
    super::texts::extract(story, &reader, true).await;
    super::texts::told(story, "texts").await;

    story.chapter("compaction");
    super::admit::status(story, "before").await;
    compact(story).await;
    removed(story).await;
    let store = story.store();
    story
        .ask("vacuumed", async || store.vacuum().await)
        .await
        .unwrap();
    let tenant = story.tenant();
    story
        .ask("indexed anew", async || tenant.reindex().await)
        .await
        .unwrap();
    removed(story).await;
    let mut status = story.done(async || tenant.status().await).await.unwrap();
    // How frames were filled depends on where an earlier run was cut off.
    (status.pack_bytes, status.index_bytes) = (0, 0);
    story.say("after", &status);
    fsck(story, true).await;
    super::texts::extract(story, &reader, true).await;
    fsck(story, false).await;
    verify(story).await;
    // Rows of leases and doomed objects come and go.
    let rows = story.done(async || store.catalog_rows().await).await;
    story.answer("it has rows", &rows.map(|rows| rows > 500));
    let bytes = story.done(async || store.catalog_bytes().await).await;
    story.answer("and a size", &bytes.map(|bytes| bytes > 0));
    story
        .ask("ready", async || store.ready().await)
        .await
        .unwrap();
    story.say("a node has a name", &store.node().len());
    let leads = tenant.leads().await;
    story.say("and follows, being alone", &leads);
}

fn injected(bad: &[Bad]) -> bool {
    bad.iter().any(|bad| bad.what.contains("an injected fault"))
}

/// The last word of each stage.
fn note(stages: &mut Vec<(Stage, u64, u64)>, progress: VerifyProgress) {
    stages.retain(|(stage, ..)| *stage != progress.stage);
    stages.push((progress.stage, progress.done, progress.total));
}

async fn verify(story: &mut Story) {
    let tenant = story.tenant();
    story
        .ask("logged", async || tenant.advance_log().await)
        .await
        .unwrap();
    for name in [
        "plain",
        "resent twice",
        "large",
        "withdrawn",
        "empty",
        "late",
    ] {
        let id = story.mails.id(name);
        let verify = async || tenant.verify(&id).await;
        let verified = story.until(verify, |found| injected(&found.bad)).await;
        story.answer(&format!("{name} verified"), &verified);
    }
    let mut stages = Vec::new();
    let verify = async || {
        stages.clear();
        tenant
            .verify_all(|progress| note(&mut stages, progress))
            .await
    };
    let found = story
        .until(verify, |found: &Verification| injected(&found.bad))
        .await;
    story.answer("all verified", &found);
    story.say("stages", &stages);
}

async fn fsck(story: &mut Story, repair: bool) {
    let store = story.store();
    let mut stages = Vec::new();
    let check = async || {
        stages.clear();
        store
            .fsck(repair, |progress| note(&mut stages, progress))
            .await
    };
    let found = story
        .until(check, |found: &FsckReport| injected(&found.bad))
        .await;
    let mut found = found.unwrap();
    // What failed attempts left is told of where there were some.
    if repair || !story.is_embedded() || story.is_faulty() {
        found.orphans.clear();
        found.repaired.clear();
    }
    // Packs of texts are as many as there were attempts.
    assert!(found.checked > 500, "{found:?}");
    found.checked = 0;
    story.say(&format!("fsck, repair {repair}"), &found);
}

async fn compact(story: &mut Story) {
    let tenant = story.tenant();
    let options = CompactOptions::default();
    for turn in ["first", "second"] {
        let mut last = None;
        let compact = async || {
            let progress = |progress| last = Some(progress);
            tenant.compact(&options, progress).await
        };
        let report = story
            .until(compact, |report| injected(&report.bad))
            .await
            .unwrap();
        // A run that goes on where another was cut off has less to do.
        story.say(&format!("{turn} bad"), &report.bad);
        story.say(
            &format!("{turn} ended"),
            &last.is_none_or(|last| last.done == last.total),
        );
        if turn == "second" {
            story.say("nothing is left to do", &report);
        }
    }
}

async fn removed(story: &mut Story) {
    let tenant = story.tenant();
    let removed = story.done(async || tenant.remove_doomed().await).await;
    story.answer("doomed objects removed", &removed.map(drop));
}
