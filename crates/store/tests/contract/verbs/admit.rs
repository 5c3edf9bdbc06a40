//! Mail comes in.

use everpost_store::{Envelope, Prepared};

use crate::mails::{ANN, BOB, YUKI, place, prepared, prepared_at, prepared_with};
use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("admission");
    let tenant = story.tenant();
    let nothing = story
        .ask("the status of nothing", async || tenant.status().await)
        .await;
    nothing.unwrap();
    story
        .ask("nothing admitted", async || {
            tenant.admit(Vec::new(), None).await
        })
        .await
        .unwrap();
    about(story);
    group(story, "known before", &["plain", "root"], true).await;
    // The same bytes twice in one group, and copies of one message side by side.
    group(
        story,
        "first group",
        &["plain", "plain", "resent", "with file"],
        false,
    )
    .await;
    group(
        story,
        "known after",
        &["plain", "root", "resent twice"],
        true,
    )
    .await;
    group(
        story,
        "again",
        &["plain", "resent twice", "same file"],
        false,
    )
    .await;
    group(story, "a large one", &["root", "large", "reply"], false).await;
    let odd = [
        "japanese",
        "no id",
        "no id, other route",
        "list",
        "malformed",
        "empty",
    ];
    group(story, "odd ones", &odd, false).await;
    group(story, "with papers", &["papers", "same paper"], false).await;
    places(story).await;
    live(story).await;
    let crowd: Vec<Vec<u8>> = story.mails.crowd.clone();
    let items = || crowd.iter().map(|mail| prepared(mail)).collect::<Vec<_>>();
    let outcomes = story.done(async || tenant.admit(items(), None).await).await;
    story.say("a crowd", &outcomes.unwrap().len());
    status(story, "then").await;
}

/// Mail that comes when everything was moved once.
pub(super) async fn later(story: &mut Story) {
    story.chapter("late admission");
    group(story, "late", &["late", "plain", "with file"], false).await;
    let tenant = story.tenant();
    let done = async || tenant.advance_index(true).await;
    story.ask("indexed", done).await.unwrap();
    story
        .ask("logged", async || tenant.advance_log().await)
        .await
        .unwrap();
}

fn about(story: &mut Story) {
    let items = story.mails.items(&["plain", "malformed", "empty"]);
    for item in &items {
        story.say(
            "before it is admitted",
            &(item.digest(), item.size(), item.held_from()),
        );
    }
}

/// Admits mails, or asks whether they are known.
async fn group(story: &mut Story, what: &str, names: &[&str], ask: bool) {
    let tenant = story.tenant();
    let mails = crate::mails::Mails::new();
    if ask {
        let items = mails.items(names);
        let known = story.ask(what, async || tenant.known(&items).await).await;
        known.unwrap();
    } else {
        let items = async || tenant.admit(mails.items(names), None).await;
        story.ask(what, items).await.unwrap();
    }
}

/// Copies that several people hold, in folders of any name.
async fn places(story: &mut Story) {
    let tenant = story.tenant();
    let (root, list) = (&story.mails.get("root").raw, &story.mails.get("list").raw);
    let (second, yuki) = (
        &story.mails.get("second reply").raw,
        &story.mails.get("japanese").raw,
    );
    let items = [
        (
            second,
            place(YUKI, "下書き/2019", 4 | 16, &["重要", "work"]),
        ),
        (second, place(BOB, "Sent", 1 | 2, &[])),
        (second, place(ANN, "INBOX", 0, &["z", "a"])),
        (second, place(BOB, "Archive/2019", 1, &[])),
        (second, place(ANN, "Archive/2019", 1 | 4, &[])),
        (second, place("Ann@Example.org", "Archive/2018", 0, &[])),
        (root, place(BOB, "INBOX", 0, &[])),
        (yuki, place(YUKI, "送信済み", 1, &[])),
    ]
    .map(|(raw, place)| (raw.clone(), vec![place]));
    let items = [items.to_vec(), vec![(list.clone(), Vec::new())]].concat();
    let made = || -> Vec<Prepared> {
        let each = items.iter();
        each.map(|(raw, places)| prepared_at(raw, places.clone()))
            .collect()
    };
    story
        .ask("in many places", async || tenant.admit(made(), None).await)
        .await
        .unwrap();
    let two = vec![place(BOB, "INBOX", 0, &[]), place(ANN, "INBOX", 0, &[])];
    let made = || vec![prepared_at(&items[0].0, two.clone())];
    story
        .ask("in two at once", async || tenant.admit(made(), None).await)
        .await
        .unwrap_err();
}

/// Captured live, with an envelope.
async fn live(story: &mut Story) {
    let tenant = story.tenant();
    let raw = story.mails.get("reply").raw.clone();
    let envelope = Envelope {
        sender: "bounce@example.org".into(),
        recipients: vec!["ann@example.org".into(), "carol@sales.example.org".into()],
        ..Envelope::default()
    };
    let item = || vec![prepared_with(&raw, Vec::new(), Some(envelope.clone()))];
    story
        .ask("live", async || tenant.admit(item(), None).await)
        .await
        .unwrap();
    // How many groups there were depends on how often something was tried.
    let admitted = tenant.admitted();
    let counted = (
        admitted.stored > 300,
        admitted.duplicate > 0,
        admitted.bytes > 0,
    );
    story.say("it was counted", &(counted, admitted.groups > 0));
}

/// The status, without what depends on how often something was tried.
pub(super) async fn status(story: &mut Story, what: &str) {
    let tenant = story.tenant();
    let mut status = story.done(async || tenant.status().await).await.unwrap();
    story.hide(status.log_key.clone(), "log key");
    // Ids of splits and their keys are random, and compress or not.
    status.index_bytes = 0;
    // What is tried again brings the index further.
    (status.splits, status.index_lag) = (0, 0);
    story.say(what, &status);
}
