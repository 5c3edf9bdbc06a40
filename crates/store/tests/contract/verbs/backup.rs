//! Backups, and the archive's way to another place. How many objects there are depends on how often
//! something was tried.

use everpost_store::{
    Address, BackupKeys, Bad, Destination, KeySource, Options, Restore, Store, list_backups,
    prune_backups, restore_backup, verify_backup,
};

use crate::mails::prepared;
use crate::story::Story;

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
    story.answer("taken", &kept);
    let listed = list_backups(&repo).map(|found| {
        let each = found.into_iter();
        each.map(|one| (one.name, one.epoch, one.events, one.objects > 0, one.bad))
            .collect::<Vec<_>>()
    });
    story.answer("listed", &listed);
    let key = || BackupKeys::Master(KeySource::beside(&story.place.beside("data")));
    let verified = verify_backup(&repo, None, &key(), |_| ()).await;
    let verified =
        verified.map(|found| (found.snapshots, found.objects > 0, found.signer, found.bad));
    story.answer("verified", &verified);
    let unknown = [Bad {
        item: "frame 1 of objects/packs/00/00".into(),
        what: "it does not open".into(),
    }];
    let heal = async || store.heal(&repo, &unknown, true).await;
    let healed = story.done(heal).await;
    story.answer("healed", &healed);
    let pruned = prune_backups(&repo, 30, true);
    let pruned = pruned.map(|pruned| {
        (
            pruned.snapshots,
            pruned.objects,
            pruned.kept,
            pruned.blocked,
        )
    });
    story.answer("pruned", &pruned);
    restore(story).await;
}

async fn restore(story: &mut Story) {
    let what = Restore {
        repo: story.place.beside("repo"),
        snapshot: None,
        address: Address::Embedded,
        data: story.place.beside("restored"),
        keys: BackupKeys::Master(KeySource::beside(&story.place.beside("data"))),
        key: Some(KeySource::beside(&story.place.beside("data"))),
        despite_damage: false,
    };
    let restored = restore_backup(&what, |_| ()).await;
    let restored = restored.map(|restored| {
        let tenants = restored.tenants.iter();
        let tenants: Vec<_> = tenants
            .map(|one| (one.name.clone(), one.events, one.kept))
            .collect();
        (restored.epoch, restored.objects > 0, restored.done, tenants)
    });
    story.answer("restored", &restored);
    let options = Options {
        key: what.key.clone(),
        ..Options::new(&what.data)
    };
    let raw = match Store::open(options).await {
        Ok(opened) => {
            let tenant = opened.store.tenant(None).unwrap();
            let raw = tenant.raw(&story.mails.id("large")).await;
            opened.store.close().await.unwrap();
            raw
        }
        Err(error) => Err(error),
    };
    story.answer("read from what was restored", &raw.map(|raw| raw.len()));
}

/// The archive leaves. What it was is read here, what it becomes there.
pub(super) async fn move_away(story: &mut Story) {
    story.chapter("moving");
    let (store, tenant) = (story.store(), story.tenant());
    let full = Destination::Directory(story.place.beside(""));
    let refused = story
        .done(async || store.relocate(&full, |_| ()).await)
        .await;
    story.answer("to a place that is taken", &refused.map(drop));
    let to = Destination::Directory(story.place.beside("moved"));
    let planned = story.done(async || store.plan_relocation(&to).await).await;
    let planned = planned.map(|plan| plan.objects > 1 && plan.bytes > 1000 && plan.rows > 500);
    story.answer("planned", &planned);
    // A move waits for uploads; those of the story are nobody's.
    for (job, _) in story.done(async || tenant.tasks().await).await.unwrap() {
        let drop = async || tenant.drop_task(job).await;
        story.done(drop).await.unwrap();
    }
    let head = story.done(async || tenant.log_head().await).await;
    let head = head.unwrap().unwrap();
    let moved = story
        .done(async || store.relocate(&to, |_| ()).await)
        .await
        .unwrap();
    let logs: Vec<&String> = moved.logs.iter().map(|(name, _)| name).collect();
    story.say("moved", &(&moved.place, moved.objects > 1, logs));
    let again = story.done(async || store.relocate(&to, |_| ()).await).await;
    story.answer("moved once more", &again.map(|moved| moved.earlier));
    let plain = story.mails.get("plain").raw.clone();
    let admit = async || tenant.admit(vec![prepared(&plain)], None).await;
    let refused = story.done(admit).await;
    story.answer("an admission after that", &refused);
    let left = story.done(async || store.manifest().await).await.unwrap();
    story.say("what was left is what went", &(left == moved.tables));
    let options = Options {
        key: Some(KeySource::beside(&story.place.beside("data"))),
        ..Options::new(story.place.beside("moved"))
    };
    let there = Store::open(options).await.unwrap().store;
    let tenant = there.tenant(Some("default")).unwrap();
    let arrived = there.manifest().await.unwrap();
    story.say("and what is there", &(arrived == left));
    let raw = tenant.raw(&story.mails.id("large")).await;
    story.answer("read there", &raw.map(|raw| raw.len()));
    tenant.admit(vec![prepared(&plain)], None).await.unwrap();
    tenant.advance_log().await.unwrap();
    let new = tenant.log_head().await.unwrap().unwrap();
    story.say(
        "the log goes on",
        &(new.size - head.size, new.key == head.key),
    );
    there.close().await.unwrap();
}
