//! Backups. At the cluster address they are refused for now. How many objects there are depends on
//! how often something was tried.

use everpost_store::{
    BackupKeys, KeySource, Restore, Store, list_backups, prune_backups, restore_backup,
    verify_backup,
};

use crate::story::Story;

const REFUSED: &str = "a catalog on a server is backed up by the server's own means";

pub(super) async fn tell(story: &mut Story) {
    story.chapter("backup");
    let repo = story.place.beside("repo");
    let store = story.store();
    let inside = story.place.beside("data").join("repo");
    let refused = story
        .done(async || store.backup(&inside, |_| ()).await)
        .await;
    story.answer("into the data directory", &refused.map(drop));
    let taken = story.done(async || store.backup(&repo, |_| ()).await).await;
    let kept = taken.map(|report| (report.snapshot, report.objects > 0, report.bad));
    story.differs("taken", REFUSED, &kept);
    let listed = list_backups(&repo).map(|found| {
        let each = found.into_iter();
        each.map(|one| (one.name, one.epoch, one.events, one.objects > 0, one.bad))
            .collect::<Vec<_>>()
    });
    story.differs("listed", REFUSED, &listed);
    let key = || BackupKeys::Master(KeySource::beside(&story.place.beside("data")));
    let verified = verify_backup(&repo, None, &key(), |_| ()).await;
    let verified =
        verified.map(|found| (found.snapshots, found.objects > 0, found.signer, found.bad));
    story.differs("verified", REFUSED, &verified);
    let pruned = prune_backups(&repo, 30, true);
    let pruned = pruned.map(|pruned| {
        (
            pruned.snapshots,
            pruned.objects,
            pruned.kept,
            pruned.blocked,
        )
    });
    story.differs("pruned", REFUSED, &pruned);
    restore(story).await;
}

async fn restore(story: &mut Story) {
    let what = Restore {
        repo: story.place.beside("repo"),
        snapshot: None,
        data: story.place.beside("restored"),
        keys: BackupKeys::Master(KeySource::beside(&story.place.beside("data"))),
        key: Some(KeySource::beside(&story.place.beside("data"))),
        despite_damage: false,
    };
    let restored = restore_backup(&what, |_| ()).await;
    let about = restored.as_ref().map(|restored| {
        let tenants = restored.tenants.iter();
        let tenants: Vec<_> = tenants
            .map(|one| (one.name.clone(), one.events, one.kept))
            .collect();
        (restored.epoch, restored.objects > 0, restored.done, tenants)
    });
    let text = match &about {
        Ok(about) => Ok(about),
        Err(error) => Err(everpost_store::StoreError::NotFound(error.to_string())),
    };
    story.differs("restored", REFUSED, &text);
    let mut options = everpost_store::Options::new(&what.data);
    options.key = what.key.clone();
    let raw = match Store::open(options).await {
        Ok(opened) => {
            let tenant = opened.store.tenant(None).unwrap();
            let raw = tenant.raw(&story.mails.id("large")).await;
            opened.store.close().await.unwrap();
            raw
        }
        Err(error) => Err(error),
    };
    story.differs(
        "read from what was restored",
        REFUSED,
        &raw.map(|raw| raw.len()),
    );
}
