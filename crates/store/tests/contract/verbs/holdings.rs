//! What the archive holds.

use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("holdings");
    let tenant = story.tenant();
    story
        .ask("usage", async || tenant.usage().await)
        .await
        .unwrap();
    story
        .ask("by group", async || tenant.usage_by_group().await)
        .await
        .unwrap();
    story
        .ask("ages", async || tenant.ages().await)
        .await
        .unwrap();
    let collected = story.done(async || tenant.collected().await).await.unwrap();
    // The month is that of the telling, or two of them.
    let sum = |of: fn(&everpost_store::Collected) -> u64| collected.iter().map(of).sum::<u64>();
    story.say(
        "collected",
        &[
            sum(|month| month.stored),
            sum(|month| month.stored_bytes),
            sum(|month| month.duplicate),
            sum(|month| month.duplicate_bytes),
        ],
    );
    story
        .ask("servers", async || tenant.servers().await)
        .await
        .unwrap();
}
