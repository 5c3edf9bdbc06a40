//! Copies go out, one after the other.

use everpost_domain::query::parse;
use everpost_store::{Held, Missed, Scope};

use crate::mails::ANN;
use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("export");
    let tenant = story.tenant();
    story
        .ask("logged", async || tenant.advance_log().await)
        .await
        .unwrap();
    for (query, scope) in [
        ("", Scope::Everything),
        ("sailor", Scope::Everything),
        ("harbour", Scope::mailboxes([ANN])),
        ("nowhere", Scope::Everything),
    ] {
        walk(story, query, &scope).await;
    }
}

async fn walk(story: &mut Story, query: &str, scope: &Scope) {
    let tenant = story.tenant();
    let parsed = parse(query).unwrap();
    let mut walk = story
        .done(async || tenant.walk(&parsed, scope).await)
        .await
        .unwrap();
    story.say(
        &format!("a walk over `{query}`"),
        &(walk.left(), walk.unknown()),
    );
    loop {
        let batch = story.done(async || walk.next().await).await.unwrap();
        if batch.is_empty() {
            break;
        }
        story.say("left", &walk.left());
        for found in &batch {
            held(story, found).await;
        }
    }
}

async fn held(story: &mut Story, found: &Result<Held, Missed>) {
    let tenant = story.tenant();
    let held = match found {
        Ok(held) => held,
        Err(missed) => return story.say("missed", missed),
    };
    let mut size = 0;
    let read = async || {
        size = 0;
        let piece = |bytes: &[u8]| {
            size += bytes.len();
            Ok(())
        };
        tenant.read_held(held, piece).await
    };
    let read = story.done(read).await;
    story.answer("read", &read);
    let mut prover = tenant.prover().await.unwrap().expect("there is a head");
    let proof = story.done(async || prover.prove_held(held).await).await;
    let proof = proof
        .map(|proof| proof.map(|proof| (proof.index, proof.verify(&prover.head().root).is_ok())));
    story.answer("proven", &proof);
    let about = (
        held.id,
        held.message,
        held.size,
        size,
        held.held_from,
        &held.places,
    );
    story.say("held", &about);
}
