//! The chapters of the story, each about one subject.

mod admit;
mod backup;
mod classes;
mod devices;
mod export;
mod holdings;
mod jobs;
mod keys;
mod log;
mod marks;
mod opening;
mod people;
mod read;
mod relay;
mod replica;
mod search;
mod spool;
mod texts;
mod upkeep;

use super::story::Story;

/// Tells all of it.
pub(super) async fn tell(story: &mut Story) {
    opening::tell(story).await;
    admit::tell(story).await;
    jobs::tell(story).await;
    log::tell(story).await;
    texts::tell(story).await;
    read::tell(story).await;
    marks::tell(story).await;
    search::tell(story).await;
    people::tell(story).await;
    relay::tell(story).await;
    replica::tell(story).await;
    devices::tell(story).await;
    holdings::tell(story).await;
    export::tell(story).await;
    spool::tell(story).await;
    upkeep::tell(story).await;
    classes::tell(story).await;
    // Everything lies elsewhere now, and nothing of it may have changed.
    opening::again(story).await;
    admit::later(story).await;
    read::tell(story).await;
    marks::tell(story).await;
    search::tell(story).await;
    holdings::tell(story).await;
    backup::tell(story).await;
    keys::tell(story).await;
    // What moves is two tenants'.
    opening::beside(story).await;
    backup::move_away(story).await;
    opening::close(story).await;
}
