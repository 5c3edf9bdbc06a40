//! Opening and closing.

use everpost_store::{
    KeySource, MailDomain, MasterKey, Options, RecoveryKey, Store, UnknownRecipient, check_recovery,
};

use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    story.chapter("opening");
    let found = story.open(story.place.options(false)).await;
    story.code("opened where there is none", &found.map(drop));
    let opened = story.open(story.place.options(true)).await.unwrap();
    let recovery = opened.recovery.expect("a new archive has a recovery key");
    let shown = recovery.display();
    let read_back = RecoveryKey::parse(&shown.to_lowercase()).unwrap();
    story.say(
        "a recovery key survives being typed",
        &(read_back.display() == shown),
    );
    story.say(
        "a mistyped one",
        &RecoveryKey::parse("EVRK-0000")
            .map(drop)
            .unwrap_err()
            .code(),
    );
    story.hide(shown.clone(), "recovery key");
    story.recovery = shown;
    story.go_on_with(opened.store);
    let busy = story.open(story.place.options(true)).await;
    story.code("opened while it is open", &busy.map(drop));
    tenants(story);
    again(story).await;
    wrong_key(story).await;
}

fn tenants(story: &mut Story) {
    let (store, tenant) = (story.store(), story.tenant());
    story.say("the tenant", &tenant.name());
    let names: Vec<String> = store
        .tenants()
        .iter()
        .map(|tenant| tenant.name().into())
        .collect();
    story.say("all tenants", &names);
    story.answer(
        "by name",
        &store
            .tenant(Some("default"))
            .map(|tenant| tenant.name().to_owned()),
    );
    story.answer("of nobody", &store.tenant(Some("nobody")).map(drop));
    story.say("where it is", &store.data());
}

/// Closes and opens once more: nothing is kept in memory.
pub(super) async fn again(story: &mut Story) {
    story.chapter("opening again");
    let store = story.let_go();
    let closed = store.close().await;
    story.answer("closed", &closed);
    let opened = story.open(story.place.options(false)).await.unwrap();
    story.say("a recovery key once more", &opened.recovery.is_some());
    story.go_on_with(opened.store);
}

async fn wrong_key(story: &mut Story) {
    story.chapter("a wrong key");
    story.let_go().close().await.unwrap();
    let path = story.place.beside("wrong.key");
    MasterKey::generate().unwrap().write_new(&path).unwrap();
    let options = Options {
        key: Some(KeySource::parse(&path.display().to_string())),
        ..story.place.options(true)
    };
    let refused = story.open(options).await;
    story.code("opened by a wrong key", &refused.map(drop));
    let opened = story.open(story.place.options(true)).await.unwrap();
    story.say("made another archive", &opened.recovery.is_some());
    story.go_on_with(opened.store);
}

/// A second tenant: what one has, the other has not.
pub(super) async fn beside(story: &mut Story) {
    story.chapter("a second tenant");
    let store = story.store();
    let nameless = store.add_tenant("North & South").await;
    story.answer("by a name that is none", &nameless.map(drop));
    let twice = store.add_tenant("default").await;
    story.answer("by a name that is taken", &twice.map(drop));
    let recovery = store.add_tenant("north").await.unwrap();
    story.say("in this handle", &store.tenants().len());
    drop(store);
    story.let_go().close().await.unwrap();
    let store = story.open(story.place.options(false)).await.unwrap().store;
    story.answer("whose mail", &store.tenant(None).map(drop));
    let first = store.tenant(Some("default")).unwrap();
    let north = store.tenant(Some("north")).unwrap();
    let domain = |name: &str| MailDomain {
        name: name.into(),
        unknown: UnknownRecipient::Reject,
        server: None,
    };
    first
        .put_mail_domain(&domain("south.test"), "operator")
        .await
        .unwrap();
    let taken = north
        .put_mail_domain(&domain("South.test"), "operator")
        .await;
    story.answer("a domain of the other", &taken);
    north
        .put_mail_domain(&domain("north.test"), "operator")
        .await
        .unwrap();
    story.say("its domains", &north.mail_domains().await.unwrap());
    story.say("its mail", &north.status().await.unwrap().copies);
    let id = story.mails.id("large");
    let foreign = story.done(async || north.raw(&id).await).await;
    story.answer("mail of the other", &foreign.map(|raw| raw.len()));
    drop((first, north));
    store.close().await.unwrap();
    let opens = check_recovery(&story.place.options(false), recovery).await;
    story.answer("its recovery key opens", &opens);
    let opened = story.open(story.place.options(false)).await.unwrap();
    story.go_on_with(opened.store);
}

/// What closed handles answer.
pub(super) async fn close(story: &mut Story) {
    story.chapter("closing");
    let (store, tenant) = (story.store(), story.tenant());
    let closed = story.let_go().close().await;
    story.answer("closed", &closed);
    story.code("a status after that", &tenant.status().await);
    story.code(
        "an admission after that",
        &tenant.admit(story.mails.items(&["plain"]), None).await,
    );
    let none: Vec<Store> = Vec::new();
    drop((store, tenant, none));
}
