//! The log: leaves, checkpoints, proofs.

use everpost_domain::digest::Digest;
use everpost_domain::log::{Checkpoint, LeafProof, verify_consistency};
use everpost_store::Result;

use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("log");
    let tenant = story.tenant();
    let plain = story.mails.id("plain");
    let head = story.done(async || tenant.log_head().await).await.unwrap();
    story.say("a head before the first", &head.is_some());
    let prover = story.done(async || tenant.prover().await).await.unwrap();
    story.say("a prover before the first", &prover.is_some());
    let proof = story
        .done(async || tenant.prove(&plain).await)
        .await
        .unwrap();
    story.say("a proof before the first", &proof.is_some());
    let early = story.done(async || tenant.verify(&plain).await).await;
    story.answer("verified before the first", &early);
    story
        .ask("logged", async || tenant.advance_log().await)
        .await
        .unwrap();
    story
        .ask("logged again", async || tenant.advance_log().await)
        .await
        .unwrap();
    let head = tenant.log_head().await.unwrap().expect("there is a head");
    story.hide(head.note.to_string(), "checkpoint");
    story.say("size", &head.size);
    proofs(story).await;
    let kept = head.note.to_string();
    let access = everpost_store::Accessed {
        actor: "ann",
        subject: "the log grows",
        reason: "for a proof",
    };
    story
        .ask("an event", async || tenant.record_access(&access).await)
        .await
        .unwrap();
    let omission = everpost_store::Omission {
        subject: "message <gone@example>".into(),
        reason: "a log names it".into(),
    };
    story
        .ask("what is missing", async || {
            tenant
                .record_omissions("ann", std::slice::from_ref(&omission))
                .await
        })
        .await
        .unwrap();
    let told = tenant.actions(0).await.unwrap();
    let told = told.iter().filter(|event| event.is_omission()).count();
    story.say("omissions", &told);
    story
        .ask("logged once more", async || tenant.advance_log().await)
        .await
        .unwrap();
    checkpoints(story, &kept).await;
    consistency(story, head.size, head.root).await;
}

/// What a proof says, and that it holds.
fn about(proof: &Option<LeafProof>, head: &Checkpoint) -> String {
    match proof {
        None => "none".into(),
        Some(proof) => {
            let holds = proof.verify_record(head.root()).is_ok();
            let hashes = proof.hashes.len();
            let (kind, index, size) = (proof.kind, proof.index, proof.size);
            format!("{kind:?} {index} of {size}, {hashes} hashes, holds: {holds}")
        }
    }
}

async fn proofs(story: &mut Story) {
    let tenant = story.tenant();
    let head = tenant.log_head().await.unwrap().expect("there is a head");
    let head = Checkpoint::open(&head.note, &head.key).unwrap();
    for name in ["plain", "resent twice", "large", "withdrawn", "late"] {
        let id = story.mails.id(name);
        let proof = story.done(async || tenant.prove(&id).await).await;
        let proof = proof.map(|proof| about(&proof, &head));
        story.answer(&format!("proof of {name}"), &proof);
    }
    let prover = story.done(async || tenant.prover().await).await.unwrap();
    let mut prover = prover.expect("there is a head");
    story.say("the prover's head", &prover.head().size);
    for seq in [0, 5, 255, 256, 280, 100_000] {
        let proof = story.done(async || prover.prove_seq(seq).await).await;
        let proof = proof.map(|proof| about(&proof, &head));
        story.answer(&format!("proof of event {seq}"), &proof);
    }
    for old in [1, 100_000] {
        let proof = story
            .done(async || prover.prove_consistency(old).await)
            .await;
        story.answer(
            "the prover's consistency",
            &proof.map(|hashes| hashes.len()),
        );
    }
}

async fn checkpoints(story: &mut Story, kept: &str) {
    let tenant = story.tenant();
    let altered = kept.replacen('\n', "\n1", 1);
    for (what, note) in [("kept", kept), ("altered", &altered), ("no", "hello")] {
        let checked = story
            .until(
                async || tenant.verify_checkpoint(note.as_bytes()).await,
                |bad| bad.iter().any(|bad| bad.what.contains("an injected fault")),
            )
            .await;
        story.answer(&format!("{what} checkpoint"), &checked);
    }
}

async fn consistency(story: &mut Story, old: u64, root: Digest) {
    let tenant = story.tenant();
    let prove = async || tenant.prove_consistency(old).await;
    let proof = story.done(prove).await.unwrap();
    let head = tenant.log_head().await.unwrap().expect("there is a head");
    let holds = verify_consistency(old, &root, head.size, &head.root, &proof).is_ok();
    story.say("the log went on from its head", &(proof.len(), holds));
    let beyond: Result<Vec<Digest>> = tenant.prove_consistency(100_000).await;
    story.answer("from a head beyond it", &beyond);
}
