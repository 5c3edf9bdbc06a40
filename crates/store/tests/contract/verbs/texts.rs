//! The index and the texts of attachments follow what was admitted.

use std::sync::atomic::{AtomicBool, Ordering};

use everpost_extract::{Extract, Extraction, Gap, Item, PoolError};

use crate::story::Story;

/// A reader of documents that are plain text. `sealed` and `crash` are what those words mean.
#[derive(Default)]
pub(super) struct Reader {
    /// No more accidents.
    pub(super) calm: AtomicBool,
    /// Cannot read anything.
    pub(super) away: AtomicBool,
}

impl Extract for Reader {
    async fn extract(&self, item: Item<'_>) -> Result<Extraction, PoolError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(PoolError::Refused);
        }
        let text = String::from_utf8_lossy(item.bytes).trim().to_owned();
        let gap = match text.as_str() {
            "crash" if !self.calm.load(Ordering::Relaxed) => Some(Gap::Crashed),
            "sealed" => Some(Gap::Encrypted),
            _ if item.bytes.len() > 1000 => Some(Gap::Unsupported),
            _ => None,
        };
        let text = if gap.is_none() { text } else { String::new() };
        Ok(Extraction { text, gap })
    }
}

pub(super) async fn tell(story: &mut Story) {
    story.chapter("index");
    let tenant = story.tenant();
    story
        .ask("before", async || tenant.index_progress().await)
        .await
        .unwrap();
    story
        .done(async || tenant.advance_index(false).await)
        .await
        .unwrap();
    story
        .ask("sealed", async || tenant.advance_index(true).await)
        .await
        .unwrap();
    story
        .ask("after", async || tenant.index_progress().await)
        .await
        .unwrap();

    story.chapter("texts");
    told(story, "before").await;
    let reader = Reader::default();
    reader.away.store(true, Ordering::Relaxed);
    let run = story
        .done(async || tenant.advance_extract(&reader, false, |_| ()).await)
        .await;
    story.answer("by a reader that is away", &run.map(drop));
    reader.away.store(false, Ordering::Relaxed);
    // What failed by accident is tried three times unasked; a run that was cut off tried, too.
    for _ in 0..3 {
        extract(story, &reader, false).await;
    }
    told(story, "read").await;
    reader.calm.store(true, Ordering::Relaxed);
    extract(story, &reader, false).await;
    told(story, "too often").await;
    extract(story, &reader, true).await;
    told(story, "when asked").await;
}

/// Reads attachments; how many of them is a matter of how often it was cut off.
pub(super) async fn extract(story: &mut Story, reader: &Reader, retry: bool) {
    let tenant = story.tenant();
    let mut last = None;
    let run = async || {
        let progress = |progress| last = Some(progress);
        tenant.advance_extract(reader, retry, progress).await
    };
    let done = story.done(run).await.unwrap();
    story.say("read", &(done.done, done.events));
    story.say("the last progress is the end", &(last == Some(done)));
}

pub(super) async fn told(story: &mut Story, what: &str) {
    let tenant = story.tenant();
    let mut status = story
        .done(async || tenant.text_status().await)
        .await
        .unwrap();
    // Texts of runs that were cut off lie in packs of their own.
    status.pack_bytes = 0;
    story.say(what, &status);
    story
        .ask("behind", async || tenant.extract_is_behind().await)
        .await
        .unwrap();
    let unsettled = story.done(async || tenant.unsettled().await).await.unwrap();
    story.say("unsettled", &unsettled.iter().collect::<Vec<u64>>());
    for name in ["papers", "same paper", "with file", "plain", "malformed"] {
        let id = story.mails.id(name);
        let texts = async || tenant.attachment_texts(&id).await;
        story.ask(&format!("texts of {name}"), texts).await.unwrap();
    }
    let id = story.mails.id("late");
    let texts = async || tenant.attachment_texts(&id).await;
    story
        .ask("texts of what may not be there", texts)
        .await
        .ok();
}
