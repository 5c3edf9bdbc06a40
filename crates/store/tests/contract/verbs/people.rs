//! Accounts, sessions, tokens, cases, and what people did.

use everpost_domain::access::{Action, Role};
use everpost_domain::log::EventKind;
use everpost_store::{
    Accessed, Account, AccountChange, ActionEvent, NewAccount, NewCase, TokenGrant,
};

use crate::mails::{ANN, BOB};
use crate::story::Story;

pub(super) async fn tell(story: &mut Story) {
    let officer = accounts(story).await;
    sessions(story, &officer).await;
    tokens(story, &officer).await;
    cases(story, &officer).await;
    actions(story).await;
}

fn new(address: &str, roles: &[Role], owns: &[&str]) -> NewAccount {
    NewAccount {
        address: address.into(),
        name: format!("The owner of {address}"),
        roles: roles.iter().copied().collect(),
        owns: owns.iter().map(|address| (*address).into()).collect(),
        password_hash: format!("hash of {address}"),
    }
}

async fn accounts(story: &mut Story) -> Account {
    story.chapter("accounts");
    let tenant = story.tenant();
    let accounts = [
        new(
            "Olga@example.org",
            &[Role::Officer, Role::User],
            &["z@example.org", "A@example.org", "m@example.org"],
        ),
        new(ANN, &[Role::User], &[ANN, "ann@sales.example.org"]),
        new("ruth@example.org", &[Role::Reviewer], &[]),
        new(" OLGA@example.org", &[Role::User], &[]),
        new("nobody", &[Role::User], &[]),
        new("none@example.org", &[], &[]),
        new("root@example.org", &[Role::Operator], &[]),
        new("odd@example.org", &[Role::User], &["not an address"]),
    ];
    for account in &accounts {
        let add = async || tenant.add_account(account, "op").await;
        story
            .ask(&format!("add {}", account.address), add)
            .await
            .ok();
    }
    let changes = [
        (
            "olga@EXAMPLE.org",
            AccountChange {
                name: Some("Olga O.".into()),
                ..AccountChange::default()
            },
        ),
        (
            ANN,
            AccountChange {
                owns: Some(vec!["b@example.org".into(), ANN.into(), BOB.into()]),
                roles: Some([Role::User, Role::Admin].into_iter().collect()),
                password_hash: Some("another".into()),
                ..AccountChange::default()
            },
        ),
        (
            "ruth@example.org",
            AccountChange {
                roles: Some([].into_iter().collect()),
                ..AccountChange::default()
            },
        ),
        ("nobody@example.org", AccountChange::default()),
    ];
    for (address, change) in &changes {
        let change = async || tenant.change_account(address, change, "op").await;
        story.ask(&format!("change {address}"), change).await.ok();
    }
    for address in [ANN, "nobody@example.org"] {
        story
            .ask("by address", async || tenant.account(address).await)
            .await
            .ok();
        story
            .ask("with its hash", async || tenant.credentials(address).await)
            .await
            .unwrap();
    }
    story
        .ask("accounts", async || tenant.accounts().await)
        .await
        .unwrap();
    tenant.account("olga@example.org").await.unwrap()
}

async fn sessions(story: &mut Story, officer: &Account) {
    story.chapter("sessions");
    let tenant = story.tenant();
    let first = story
        .done(async || tenant.start_session(officer).await)
        .await
        .unwrap();
    let second = story
        .done(async || tenant.start_session(officer).await)
        .await
        .unwrap();
    story.say("no two are the same", &(first != second));
    for secret in [&first, &second, "made up"] {
        let found = async || tenant.session(secret).await;
        story.ask("whose session", found).await.unwrap();
    }
    for secret in [&first, &first] {
        story
            .ask("ended", async || tenant.end_session(secret).await)
            .await
            .unwrap();
    }
    story
        .ask("after its end", async || tenant.session(&first).await)
        .await
        .unwrap();
    shut(story, officer, true).await;
    story
        .ask("of a shut account", async || tenant.session(&second).await)
        .await
        .unwrap();
    shut(story, officer, false).await;
    story
        .ask("and opened again", async || tenant.session(&second).await)
        .await
        .unwrap();
}

async fn shut(story: &mut Story, account: &Account, disabled: bool) {
    let tenant = story.tenant();
    let change = AccountChange {
        disabled: Some(disabled),
        ..AccountChange::default()
    };
    let change = async || tenant.change_account(&account.address, &change, "op").await;
    story.ask("shut or opened", change).await.unwrap();
}

async fn tokens(story: &mut Story, officer: &Account) {
    story.chapter("tokens");
    let tenant = story.tenant();
    let grants = [
        ("reader", vec![Action::Search, Action::Read], 0),
        ("ended", vec![Action::Search], 1_000_000),
        ("nothing", vec![], 0),
    ];
    let mut made = Vec::new();
    for (name, scopes, expires) in grants {
        let grant = TokenGrant {
            name: name.into(),
            scopes: scopes.into_iter().collect(),
            expires,
        };
        let add = async || tenant.add_token(officer, &grant, "op").await;
        let added = story.done(add).await;
        if let Ok((token, secret)) = &added {
            story.hide(secret.clone(), "secret");
            story.hide(token.shown.clone(), "shown");
            made.push((token.id, secret.clone()));
        }
        story.answer(&format!("token {name}"), &added);
    }
    story
        .ask("tokens", async || tenant.tokens().await)
        .await
        .unwrap();
    let secrets: Vec<String> = made.iter().map(|(_, secret)| secret.clone()).collect();
    for secret in secrets
        .iter()
        .map(String::as_str)
        .chain(["evp_none", "none"])
    {
        story
            .ask("whose token", async || tenant.token(secret).await)
            .await
            .unwrap();
    }
    let (id, secret) = made.first().expect("one was made");
    for id in [*id, *id, 77] {
        story
            .ask("revoked", async || tenant.revoke_token(id, "op").await)
            .await
            .ok();
    }
    story
        .ask("after that", async || tenant.token(secret).await)
        .await
        .unwrap();
    story
        .ask("tokens left", async || tenant.tokens().await)
        .await
        .unwrap();
}

async fn cases(story: &mut Story, officer: &Account) {
    story.chapter("cases");
    let tenant = story.tenant();
    let list = |items: &[&str]| {
        items
            .iter()
            .map(|item| (*item).into())
            .collect::<Vec<String>>()
    };
    let case = |name: &str, people: &[&str], reviewers: &[&str], until| NewCase {
        name: name.into(),
        reason: "a claim".into(),
        people: list(people),
        reviewers: list(reviewers),
        since: 1_000_000,
        until,
    };
    let new = [
        case(
            "One",
            &["z@example.org", BOB, ANN, "m@example.org"],
            &["ruth@example.org"],
            2_000_000,
        ),
        case("Two", &[ANN], &[], 3_000_000),
        case("", &[ANN], &[], 3_000_000),
        case("Three", &[], &[], 3_000_000),
        case("Four", &[ANN], &["nobody@example.org"], 3_000_000),
        case("Five", &[ANN], &[], 1_000_000),
    ];
    for case in &new {
        let open = async || tenant.open_case(case, officer, "olga").await;
        story.ask(&format!("open {}", case.name), open).await.ok();
    }
    let cases = story
        .ask("cases", async || tenant.cases().await)
        .await
        .unwrap();
    let (first, second) = (cases[0].id, cases[1].id);
    let ann = tenant.account(ANN).await.unwrap();
    let assign = async |id, who: Vec<String>| tenant.assign_case(id, &who, "olga").await;
    for (id, who) in [
        (first, list(&[ANN, "ruth@example.org"])),
        (77, list(&[])),
        (second, list(&["nobody@example.org"])),
    ] {
        story
            .ask("assigned", async || assign(id, who.clone()).await)
            .await
            .ok();
    }
    for id in [second, second, 77] {
        story
            .ask("closed", async || tenant.close_case(id, "olga").await)
            .await
            .ok();
    }
    for id in [first, second, 77] {
        if let Ok(case) = story.ask("a case", async || tenant.case(id).await).await {
            story.say("whom it admits", &(case.admits(officer), case.admits(&ann)));
        }
    }
}

fn about(event: &ActionEvent) -> String {
    let subject = match event.kind {
        EventKind::Administered | EventKind::Accessed => {
            String::from_utf8_lossy(&event.record.subject).into_owned()
        }
        _ => format!("{} bytes", event.record.subject.len()),
    };
    let (actor, reason) = (&event.record.actor, &event.record.reason);
    format!(
        "{} {:?} {} {actor}: {subject} ({reason})",
        event.seq, event.kind, event.at
    )
}

pub(super) async fn actions(story: &mut Story) {
    story.chapter("actions");
    let tenant = story.tenant();
    let access = Accessed {
        actor: "olga@example.org",
        subject: "mail of Ann's",
        reason: "case 1",
    };
    story
        .ask("a look", async || tenant.record_access(&access).await)
        .await
        .unwrap();
    let (manifest, query) = (story.mails.id("plain"), "sailor 報告");
    let export = async || tenant.record_export("olga", &manifest, query).await;
    story.ask("an export", export).await.unwrap();
    for from in [0, 300, 1_000_000, u64::MAX] {
        let actions = story.done(async || tenant.actions(from).await).await;
        let actions = actions.map(|events| events.iter().map(about).collect::<Vec<_>>());
        story.answer(&format!("done since {from}"), &actions);
    }
}
