//! Accounts, sessions, tokens and cases in a real catalog.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use everpost_domain::access::{Action, Role, Roles, Scopes};

use super::*;
use crate::StoreError;
use crate::trial::Trial;

fn ann() -> NewAccount {
    NewAccount {
        address: " Ann@Example.org ".into(),
        name: "Ann".into(),
        roles: Roles::from_iter([Role::User, Role::Officer]),
        owns: vec!["ann@example.org".into(), "SALES@example.org".into()],
        password_hash: "$hash".into(),
    }
}

#[tokio::test]
async fn an_account_is_made_found_changed_and_shut_out() {
    let trial = Trial::new(Vec::new(), 1).await;
    let tenant = &trial.tenant;
    let made = tenant.add_account(&ann(), "root").await.unwrap();
    assert_eq!(made.address, "ann@example.org");
    assert_eq!(made.owns, ["ann@example.org", "sales@example.org"]);
    let twice = tenant.add_account(&ann(), "root").await;
    assert!(matches!(twice, Err(StoreError::Exists(_))));
    let (found, hash) = tenant
        .credentials("ANN@example.ORG")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&found, hash.as_str()), (&made, "$hash"));

    let session = tenant.start_session(&made).await.unwrap();
    assert_eq!(tenant.session(&session).await.unwrap(), Some(made.clone()));
    let other = session.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(tenant.session(&other).await.unwrap(), None);

    let change = AccountChange {
        roles: Some(Roles::from_iter([Role::User])),
        owns: Some(vec!["ann@example.org".into()]),
        ..AccountChange::default()
    };
    let changed = tenant.change_account("ann@example.org", &change, "root");
    let changed = changed.await.unwrap();
    assert_eq!(changed.owns, ["ann@example.org"]);
    assert_eq!(tenant.session(&session).await.unwrap(), Some(changed));
    let shut = AccountChange {
        disabled: Some(true),
        ..AccountChange::default()
    };
    tenant
        .change_account("ann@example.org", &shut, "root")
        .await
        .unwrap();
    assert_eq!(tenant.session(&session).await.unwrap(), None);
    assert!(tenant.accounts().await.unwrap()[0].disabled);

    let operator = NewAccount {
        address: "root@example.org".into(),
        roles: Roles::from_iter([Role::Operator]),
        ..ann()
    };
    assert!(tenant.add_account(&operator, "root").await.is_err());
}

#[tokio::test]
async fn a_session_ends_when_it_is_told_to() {
    let trial = Trial::new(Vec::new(), 1).await;
    let tenant = &trial.tenant;
    let account = tenant.add_account(&ann(), "root").await.unwrap();
    let (one, two) = (
        tenant.start_session(&account).await.unwrap(),
        tenant.start_session(&account).await.unwrap(),
    );
    tenant.end_session(&one).await.unwrap();
    assert_eq!(tenant.session(&one).await.unwrap(), None);
    assert_eq!(tenant.session(&two).await.unwrap(), Some(account));
    let password = AccountChange {
        password_hash: Some("$other".into()),
        ..AccountChange::default()
    };
    tenant
        .change_account("ann@example.org", &password, "ann@example.org")
        .await
        .unwrap();
    assert_eq!(tenant.session(&two).await.unwrap(), None);
}

#[tokio::test]
async fn a_token_is_good_for_its_scopes_until_it_ends() {
    let trial = Trial::new(Vec::new(), 1).await;
    let tenant = &trial.tenant;
    let account = tenant.add_account(&ann(), "root").await.unwrap();
    let grant = TokenGrant {
        name: "nightly".into(),
        scopes: Scopes::from_iter([Action::Search]),
        expires: 0,
    };
    let (token, secret) = tenant.add_token(&account, &grant, "root").await.unwrap();
    assert!(secret.starts_with(&token.shown) && secret.len() > 60);
    let (whose, scopes) = tenant.token(&secret).await.unwrap().unwrap();
    assert_eq!(whose, account);
    assert!(scopes.has(Action::Search) && !scopes.has(Action::Read));
    let wrong = format!("{}0", secret.get(..secret.len() - 1).unwrap());
    assert!(wrong == secret || tenant.token(&wrong).await.unwrap().is_none());
    assert!(tenant.tokens().await.unwrap()[0].used > 0);

    let past = TokenGrant {
        expires: crate::now_us() - 1,
        ..grant
    };
    let (_, over) = tenant.add_token(&account, &past, "root").await.unwrap();
    assert!(tenant.token(&over).await.unwrap().is_none());
    tenant.revoke_token(token.id, "root").await.unwrap();
    assert!(tenant.token(&secret).await.unwrap().is_none());
    assert!(tenant.revoke_token(token.id, "root").await.is_err());
}

#[tokio::test]
async fn a_case_admits_its_officer_and_reviewers_until_it_is_closed() {
    let trial = Trial::new(Vec::new(), 1).await;
    let tenant = &trial.tenant;
    let officer = tenant.add_account(&ann(), "root").await.unwrap();
    let reviewer = NewAccount {
        address: "rey@example.org".into(),
        roles: Roles::from_iter([Role::Reviewer]),
        ..ann()
    };
    let reviewer = tenant.add_account(&reviewer, "root").await.unwrap();
    let new = NewCase {
        name: "Pier 7".into(),
        reason: "a leak".into(),
        people: vec!["Bob@example.org".into()],
        reviewers: vec![],
        since: 0,
        until: 10,
    };
    let case = tenant.open_case(&new, &officer, "ann").await.unwrap();
    assert_eq!(case.people, ["bob@example.org"]);
    assert!(case.admits(&officer) && !case.admits(&reviewer));
    let asked = [reviewer.address.clone()];
    let case = tenant.assign_case(case.id, &asked, "ann").await.unwrap();
    assert!(case.admits(&reviewer));
    let case = tenant.close_case(case.id, "ann").await.unwrap();
    assert!(!case.admits(&officer) && !case.admits(&reviewer));
    assert!(tenant.close_case(case.id, "ann").await.is_err());
    for wrong in [
        NewCase {
            reason: " ".into(),
            ..new.clone()
        },
        NewCase {
            people: vec![],
            ..new.clone()
        },
        NewCase {
            until: 0,
            ..new.clone()
        },
        NewCase {
            people: vec!["nobody".into()],
            ..new.clone()
        },
    ] {
        assert!(tenant.open_case(&wrong, &officer, "ann").await.is_err());
    }
}

#[tokio::test]
async fn what_was_looked_at_is_a_leaf_of_the_log() {
    let trial = Trial::new(Vec::new(), 1).await;
    let tenant = &trial.tenant;
    tenant.add_account(&ann(), "root").await.unwrap();
    let what = Accessed {
        actor: "ann@example.org",
        subject: "message 00",
        reason: "case 1",
    };
    tenant.record_access(&what).await.unwrap();
    let actions = tenant.actions(1).await.unwrap();
    assert_eq!(actions.len(), 1);
    assert_eq!(actions[0].record.subject, b"message 00");
    assert_eq!(tenant.actions(0).await.unwrap().len(), 2);
    let leaves = tenant.advance_log().await.unwrap();
    assert_eq!(leaves, 2);
    let found = tenant.verify_all(|_| ()).await.unwrap();
    assert_eq!((found.leaves, found.unlogged, found.bad.len()), (2, 0, 0));
}
