//! Changing who can open the archive.

use everpost_store::{KeySource, MasterKey, Options, RecoveryKey, check_recovery, recover_key};

use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("keys");
    state(story);
    let (store, tenant) = (story.store(), story.tenant());
    story.let_go();
    let elsewhere = Some(KeySource::Env("EVERPOST_CONTRACT_NO_SUCH_KEY".into()));
    let refused = store.rotate_key(elsewhere, None).await;
    story.answer("to a key that is not there", &refused.map(drop));
    drop(tenant);
    reopen(story, story.place.options(false)).await;

    let (store, tenant) = (story.store(), story.tenant());
    story.let_go();
    let rekeyed = store.rotate_key(None, Some(tenant)).await.unwrap();
    let recovery = rekeyed
        .recovery
        .expect("a new recovery key was asked for")
        .display();
    story.hide(recovery.clone(), "new recovery key");
    story.hide(rekeyed.fingerprint.clone(), "new fingerprint");
    story.say(
        "rotated",
        &(rekeyed.source, rekeyed.fingerprint, rekeyed.tenants),
    );
    reopen(story, story.place.options(false)).await;
    state(story);
    read_on(story).await;
    lost(story, &recovery).await;
}

fn state(story: &mut Story) {
    let state = story.store().key_state().unwrap();
    story.hide(state.fingerprint.clone(), "fingerprint");
    let KeySource::File(path) = &state.source else {
        panic!("the key is a file");
    };
    let key = MasterKey::read(&state.source)
        .unwrap()
        .expect("it is there");
    story.say(
        "it is what its file says",
        &(key.fingerprint() == state.fingerprint),
    );
    story.say("and a line", &key.line().lines().count());
    story.say(
        "beside",
        &(KeySource::beside(&story.place.beside("data")) == KeySource::File(path.clone())),
    );
    story.say("key", &state);
}

async fn reopen(story: &mut Story, options: Options) {
    let opened = story.open(options).await.unwrap();
    story.go_on_with(opened.store);
}

async fn read_on(story: &mut Story) {
    let tenant = story.tenant();
    let id = story.mails.id("large");
    let raw = story.done(async || tenant.raw(&id).await).await;
    story.answer("read on", &raw.map(|raw| raw.len()));
}

/// The master key is gone.
async fn lost(story: &mut Story, recovery: &str) {
    story.chapter("lost key");
    story.let_go().close().await.unwrap();
    let options = story.place.options(false);
    let key = || RecoveryKey::parse(recovery).unwrap();
    let outdated = story.recovery.clone();
    let wrong = || RecoveryKey::parse(&outdated).unwrap();
    let checked = check_recovery(&options, key()).await;
    story.answer("the recovery key opens", &checked);
    let checked = check_recovery(&options, wrong()).await;
    story.answer("the one before opens", &checked);
    let refused = recover_key(&options, &[key()]).await;
    story.answer("recovered while nothing is lost", &refused.map(drop));
    let path = story.place.beside("data.key");
    std::fs::rename(&path, story.place.beside("old.key")).unwrap();
    let refused = story.open(options.clone()).await;
    story.answer("opened without", &refused.map(drop));
    let refused = recover_key(&options, &[wrong()]).await;
    story.answer("recovered by the one before", &refused.map(drop));
    let rekeyed = recover_key(&options, &[key()]).await.unwrap();
    story.hide(rekeyed.fingerprint.clone(), "recovered fingerprint");
    story.say(
        "recovered",
        &(rekeyed.source, rekeyed.fingerprint, rekeyed.tenants),
    );
    reopen(story, story.place.options(false)).await;
    state(story);
    read_on(story).await;
}
