//! What searches give back, over a small archive of two people.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::collections::BTreeSet;

use bytes::Bytes;
use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::message::HeldEvidence;
use everpost_domain::query::{Query, parse};

use super::*;
use crate::trial::{Trial, mails};
use crate::{Incoming, Outcome, Placement, Prepared, StoreError, Tenant};

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";

fn query(text: &str) -> Query {
    parse(text).unwrap()
}

fn request(text: &str, order: Order, scope: &Scope) -> SearchRequest {
    SearchRequest {
        order,
        scope: scope.clone(),
        ..SearchRequest::new(query(text))
    }
}

/// A mail as it lies in a mailbox.
fn filed(mail: &str, mailbox: &str, folder: &str, flags: u32) -> Prepared {
    let incoming = Incoming {
        raw: Bytes::copy_from_slice(mail.replace('\n', "\r\n").as_bytes()),
        origin: Origin::Other,
        held: HeldEvidence::default(),
        position: 0,
        envelope: None,
        places: vec![Placement {
            mailbox: mailbox.into(),
            folder: folder.into(),
            flags,
            keywords: Vec::new(),
        }],
        owners: Vec::new(),
        report_of: None,
        onward: None,
    };
    Prepared::new(incoming, 1_800_000_000)
}

fn letter(number: u32, from: &str, to: &str, extra: &str, text: &str) -> String {
    format!(
        "From: {from}\nTo: {to}\nDate: Mon, {:02} Jan 2024 10:00:00 +0000\nSubject: letter {number}\nMessage-ID: <{number}@example.org>\n{extra}\n{text}\n",
        1 + number % 28
    )
}

async fn admit(tenant: &Tenant, items: Vec<Prepared>) -> Vec<Digest> {
    let outcomes = tenant.admit(items, None).await.unwrap();
    tenant.advance_index(true).await.unwrap();
    let id = |outcome: &Outcome| match outcome {
        Outcome::Stored(id) | Outcome::Duplicate(id) => *id,
    };
    outcomes.iter().map(id).collect()
}

/// Ann and Bob share letter 1; 2 is Ann's, 3 and 4 are Bob's.
async fn two_people() -> (Trial, Vec<Digest>) {
    let trial = Trial::new(Vec::new(), 1).await;
    let shared = letter(1, "Ann A <ann@example.org>", BOB, "", "the parity plan");
    let items = vec![
        filed(&shared, ANN, "Sent", 1),
        filed(&shared, BOB, "Affairs", 0),
        filed(
            &letter(
                2,
                "carol@example.net",
                ANN,
                "In-Reply-To: <1@example.org>\n",
                "parity for ann",
            ),
            ANN,
            "INBOX",
            0,
        ),
        filed(
            &letter(
                3,
                "dave@example.com",
                BOB,
                "References: <1@example.org> <2@example.org>\n",
                "parity for bob",
            ),
            BOB,
            "INBOX",
            4,
        ),
        filed(
            &letter(4, "dave@example.com", BOB, "", "something else, cafe"),
            BOB,
            "INBOX",
            1,
        ),
    ];
    let ids = admit(&trial.tenant, items).await;
    (trial, ids)
}

async fn found(tenant: &Tenant, text: &str, scope: &Scope) -> BTreeSet<Digest> {
    let page = tenant
        .search(&request(text, Order::Newest, scope))
        .await
        .unwrap();
    assert_eq!(page.hits.len() as u64, page.messages, "{text}");
    page.hits.iter().map(|hit| hit.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_shows_nothing_outside_of_it() {
    let (trial, ids) = two_people().await;
    let tenant = &trial.tenant;
    let (ann, bob) = (
        Scope::mailboxes([ANN]),
        Scope::mailboxes(["BOB@example.org"]),
    );
    let set = |places: &[usize]| -> BTreeSet<Digest> { places.iter().map(|at| ids[*at]).collect() };
    assert_eq!(
        found(tenant, "parity", &Scope::Everything).await,
        set(&[0, 2, 3])
    );
    assert_eq!(found(tenant, "parity", &ann).await, set(&[0, 2]));
    assert_eq!(found(tenant, "parity", &bob).await, set(&[0, 3]));
    assert_eq!(
        found(tenant, "", &ann.clone().or(bob.clone())).await.len(),
        4
    );
    assert_eq!(
        found(tenant, "", &Scope::Within(Vec::new())).await,
        set(&[])
    );
    assert_eq!(
        found(tenant, "", &Scope::mailboxes(["eve@example.org"])).await,
        set(&[])
    );
    // The other's folders, flags and mailboxes are the other's, also of a mail that both have.
    assert_eq!(found(tenant, "in:Affairs", &bob).await, set(&[0]));
    assert_eq!(found(tenant, "in:Affairs", &ann).await, set(&[]));
    assert_eq!(found(tenant, "-in:Affairs", &ann).await, set(&[0, 2]));
    assert_eq!(
        found(tenant, "mailbox:bob@example.org", &ann).await,
        set(&[])
    );
    assert_eq!(found(tenant, "is:unread", &ann).await, set(&[2]));
    assert_eq!(found(tenant, "is:unread", &bob).await, set(&[0, 3]));
    assert_eq!(found(tenant, "is:flagged", &bob).await, set(&[3]));
    let page = tenant
        .search(&request("parity", Order::Newest, &ann))
        .await
        .unwrap();
    for hit in &page.hits {
        assert!(
            hit.places.iter().all(|place| place.mailbox == ANN),
            "{:?}",
            hit.places
        );
        assert_eq!(hit.places.len(), 1);
    }
    let facets = tenant.facets(&query(""), &ann, 20).await.unwrap();
    let one = |value: &str, count| FacetCount {
        value: value.into(),
        count,
    };
    assert_eq!(facets.mailbox, [one(ANN, 2)]);
    assert_eq!(
        facets.sender,
        [one("ann@example.org", 1), one("carol@example.net", 1)]
    );
    assert_eq!(
        facets.domain,
        [one("example.net", 1), one("example.org", 1)]
    );
    let all = tenant
        .facets(&query(""), &Scope::Everything, 20)
        .await
        .unwrap();
    assert_eq!(all.mailbox, [one(BOB, 3), one(ANN, 2)]);
    let names = |list: Vec<Suggestion>| list.into_iter().map(|one| one.address).collect::<Vec<_>>();
    assert_eq!(
        names(tenant.suggest("da", &ann, 10).await.unwrap()),
        [""; 0]
    );
    assert_eq!(
        names(tenant.suggest("da", &bob, 10).await.unwrap()),
        ["dave@example.com"]
    );
    let found = tenant.suggest("ann", &bob, 10).await.unwrap();
    assert_eq!(
        (found[0].address.as_str(), found[0].name.as_str()),
        (ANN, "Ann A")
    );
    // Reading.
    assert!(matches!(
        tenant.show_within(&ids[3], &ann).await,
        Err(StoreError::NotFound(_))
    ));
    let info = tenant.show_within(&ids[0], &ann).await.unwrap();
    assert_eq!(
        info.places
            .iter()
            .map(|place| place.folder.as_str())
            .collect::<Vec<_>>(),
        ["Sent"]
    );
    let snippets = tenant
        .snippets(&query("parity"), &[ids[3], ids[2]], &ann)
        .await
        .unwrap();
    assert_eq!(snippets.len(), 1);
    assert_eq!(
        (snippets[0].id, snippets[0].snippet.text.as_str()),
        (ids[2], "parity for ann")
    );
    let walk = tenant
        .walk(&query(""), &ann)
        .await
        .unwrap()
        .next()
        .await
        .unwrap();
    let walked: Vec<_> = walk.into_iter().map(|held| held.unwrap()).collect();
    assert_eq!(
        walked.iter().map(|held| held.id).collect::<BTreeSet<_>>(),
        set(&[0, 2])
    );
    assert!(
        walked
            .iter()
            .flat_map(|held| &held.places)
            .all(|place| place.mailbox == ANN)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_ends_at_its_times() {
    let (trial, ids) = two_people().await;
    let tenant = &trial.tenant;
    // Held since the Date field says so, as nothing else is known of files.
    let day = |day: i64| (1_704_103_200 + (day - 1) * 86_400) * 1_000_000;
    let case = |from, until| Scope::case([BOB], from, until);
    for (scope, wanted) in [
        (case(Some(day(4)), None), vec![ids[3], ids[4]]),
        (case(Some(day(4) + 1), None), vec![ids[4]]),
        (case(None, Some(day(4))), vec![ids[0]]),
        (case(Some(day(2)), Some(day(4) + 1)), vec![ids[0], ids[3]]),
    ] {
        assert_eq!(
            found(tenant, "", &scope).await,
            wanted.iter().copied().collect()
        );
        for id in [ids[0], ids[3], ids[4]] {
            let shown = tenant.show_within(&id, &scope).await.is_ok();
            assert_eq!(shown, wanted.contains(&id), "{scope:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_neither_repeat_nor_skip_while_mail_comes() {
    let mut trial = Trial::new(mails(60, None, 3), 10).await;
    for order in [Order::Newest, Order::Oldest, Order::Score] {
        let first = SearchRequest {
            limit: 1000,
            ..request("disk OR parity", order, &Scope::Everything)
        };
        let whole = trial.tenant.search(&first).await.unwrap();
        assert!(whole.next.is_none() && whole.hits.len() > 30);
        let wanted: Vec<Digest> = whole.hits.iter().map(|hit| hit.copy).collect();
        let mut request = SearchRequest { limit: 7, ..first };
        let mut seen = Vec::new();
        let mut seed = 100 + order as u64 * 10;
        loop {
            let page = trial.tenant.search(&request).await.unwrap();
            assert_eq!(page.messages, whole.messages);
            seen.extend(page.hits.iter().map(|hit| hit.copy));
            let Some(next) = page.next else { break };
            request.after = Some(next.to_string().parse().unwrap());
            trial.admit(mails(5, None, seed), 5).await;
            seed += 1;
        }
        assert_eq!(seen, wanted, "{order:?}");
    }
    let mut wrong = request("disk", Order::Score, &Scope::Everything);
    wrong.after = Some("1.0.0.0".parse().unwrap());
    assert!(matches!(
        trial.tenant.search(&wrong).await,
        Err(StoreError::Invalid(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_counted_once() {
    let (trial, ids) = two_people().await;
    let tenant = &trial.tenant;
    let count = async |text: &str| {
        let page = tenant
            .search(&request(text, Order::Newest, &Scope::Everything))
            .await
            .unwrap();
        (page.messages, page.copies)
    };
    assert_eq!(count("").await, (4, 4));
    let copies = trial.numbers("SELECT id FROM copy ORDER BY id").await;
    // Letter 3 is found to be letter 2: Ann's copy speaks for Bob's.
    trial
        .sql(&format!(
            "INSERT INTO link (id, tenant, copy, message, rule, evidence, at, withdrawn) VALUES (900, 1, {}, {}, 100, x'00', 0, 0)",
            copies[2], copies[1]
        ))
        .await;
    assert_eq!(count("").await, (3, 4));
    let all = request("parity", Order::Newest, &Scope::Everything);
    let page = tenant.search(&all).await.unwrap();
    assert_eq!((page.messages, page.copies, page.hits.len()), (2, 3, 2));
    assert_eq!(
        (page.hits[0].id, page.hits[0].copy, page.hits[0].copies),
        (ids[2], ids[3], 2)
    );
    let months = tenant
        .months(&query("parity"), &Scope::Everything)
        .await
        .unwrap();
    assert_eq!(
        months.months.iter().map(|month| month.count).sum::<u64>() + months.undated,
        2
    );
    assert_eq!((months.months[0].year, months.months[0].month), (2024, 1));
    let facets = tenant
        .facets(&query("parity"), &Scope::Everything, 20)
        .await
        .unwrap();
    assert_eq!(
        facets.sender.iter().map(|facet| facet.count).sum::<u64>(),
        2
    );
    // For Bob the message is his copy alone, by its own name.
    let page = tenant
        .search(&request("for", Order::Newest, &Scope::mailboxes([BOB])))
        .await
        .unwrap();
    assert_eq!((page.hits[0].id, page.hits[0].copies), (ids[3], 1));
    let info = tenant
        .show_within(&ids[3], &Scope::mailboxes([BOB]))
        .await
        .unwrap();
    assert_eq!((info.message, info.copies), (ids[3], vec![ids[3]]));
    // A copy more that is found at once, and a withdrawn link.
    trial.sql("UPDATE link SET withdrawn = 1").await;
    assert_eq!(count("").await, (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_of_messages() {
    let (trial, ids) = two_people().await;
    let tenant = &trial.tenant;
    let all = Scope::Everything;
    let tagged = |messages, changed| Tagged { messages, changed };
    let parity = query("parity");
    let found_by = Tagging::Found(&parity, &all);
    assert_eq!(
        tenant
            .add_tag("Privileged", Tagging::Copies(&ids[2..3]))
            .await
            .unwrap(),
        tagged(1, 1)
    );
    assert_eq!(
        tenant.add_tag("privileged ", found_by).await.unwrap(),
        tagged(3, 2)
    );
    let tag = |messages| Tag {
        name: "Privileged".into(),
        messages,
    };
    assert_eq!(tenant.tags().await.unwrap(), [tag(3)]);
    assert_eq!(found(tenant, "tag:privileged", &all).await.len(), 3);
    assert_eq!(
        found(tenant, "tag:privileged", &Scope::mailboxes([ANN]))
            .await
            .len(),
        2
    );
    assert_eq!(
        found(tenant, "-tag:PRIVILEGED", &all).await,
        BTreeSet::from([ids[4]])
    );
    assert_eq!(
        tenant
            .remove_tag("privileged", Tagging::Copies(&[ids[0], ids[4]]))
            .await
            .unwrap(),
        tagged(2, 1)
    );
    assert_eq!(tenant.tags().await.unwrap(), [tag(2)]);
    assert!(matches!(
        tenant.remove_tag("none", found_by).await,
        Err(StoreError::NotFound(_))
    ));
    assert!(tenant.add_tag(" ", found_by).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_and_groups_are_kept() {
    let (trial, ids) = two_people().await;
    let tenant = &trial.tenant;
    let saved = tenant
        .save_search(ANN, "Plans", "Parity  AND from:ann")
        .await
        .unwrap();
    let again = tenant
        .save_search("ANN@example.org", "plans", "parity")
        .await
        .unwrap();
    assert_eq!(again.id, saved.id);
    tenant.save_search(BOB, "plans", "x").await.unwrap();
    let list = tenant.saved_searches(ANN).await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(
        (list[0].text.as_str(), parse(&list[0].canonical)),
        ("parity", parse("parity"))
    );
    assert!(matches!(
        tenant.save_search(ANN, "bad", "(").await,
        Err(StoreError::Invalid(_))
    ));
    assert!(matches!(
        tenant.delete_search(BOB, saved.id).await,
        Err(StoreError::NotFound(_))
    ));
    tenant.delete_search(ANN, saved.id).await.unwrap();
    assert_eq!(tenant.saved_searches(ANN).await.unwrap(), []);

    let members = ["Dave@Example.com".to_owned(), "example.net".to_owned()];
    let group = tenant.set_group("Brokers", &members).await.unwrap();
    assert_eq!(group.members, ["dave@example.com", "example.net"]);
    let wanted = BTreeSet::from([ids[2], ids[3], ids[4]]);
    assert_eq!(
        found(tenant, "group:brokers", &Scope::Everything).await,
        wanted
    );
    tenant.set_group("brokers", &members[..1]).await.unwrap();
    assert_eq!(tenant.groups().await.unwrap().len(), 1);
    let wanted = BTreeSet::from([ids[3], ids[4]]);
    assert_eq!(
        found(tenant, "group:Brokers", &Scope::Everything).await,
        wanted
    );
    for wrong in ["", "a@b", "a b.org", "x", "ann@", "@"] {
        assert!(
            tenant.set_group("g", &[wrong.to_owned()]).await.is_err(),
            "{wrong}"
        );
    }
    tenant.remove_group("BROKERS").await.unwrap();
    assert!(tenant.remove_group("brokers").await.is_err());
    let gone = tenant
        .search(&request("group:brokers", Order::Newest, &Scope::Everything))
        .await;
    assert!(matches!(gone, Err(StoreError::Invalid(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_ends_where_the_scope_does() {
    let (trial, ids) = two_people().await;
    let tenant = &trial.tenant;
    let talk = async |id: &Digest, scope: &Scope| {
        let found = tenant.conversation(id, scope).await.unwrap();
        assert!(found.complete);
        let item = |item: ConversationItem| (item.id, item.depth);
        found.items.into_iter().map(item).collect::<Vec<_>>()
    };
    let all = Scope::Everything;
    // From whichever message one begins, the conversation is the same.
    let whole = [(ids[0], 0), (ids[2], 1), (ids[3], 2)];
    for id in [ids[0], ids[2], ids[3]] {
        assert_eq!(talk(&id, &all).await, whole);
    }
    assert_eq!(talk(&ids[4], &all).await, [(ids[4], 0)]);
    assert_eq!(talk(&ids[0], &Scope::mailboxes([ANN])).await, whole[..2]);
    // What Bob's letter answers last is not his to see; it stands below what he has.
    assert_eq!(
        talk(&ids[3], &Scope::mailboxes([BOB])).await,
        [(ids[0], 0), (ids[3], 1)]
    );
    let hidden = tenant.conversation(&ids[3], &Scope::mailboxes([ANN])).await;
    assert!(matches!(hidden, Err(StoreError::NotFound(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn why_says_what_holds_and_where() {
    let (trial, ids) = two_people().await;
    let tenant = &trial.tenant;
    let ask = "parity from:carol@example.net in:Sent -nothing";
    let reasons = tenant
        .why(&query(ask), &ids[2], &Scope::Everything)
        .await
        .unwrap();
    let said: Vec<_> = reasons
        .iter()
        .map(|reason| {
            let place = reason.places.first();
            (
                reason.holds,
                place.map(|place| (place.field.as_str(), place.text.as_str())),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (Some(true), Some(("body", "parity"))),
            (Some(true), Some(("from", "carol@example.net"))),
            (Some(false), None),
        ]
    );
    let ann = Scope::mailboxes([ANN]);
    assert!(matches!(
        tenant.why(&query(ask), &ids[3], &ann).await,
        Err(StoreError::NotFound(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_names_its_server() {
    let (trial, _) = two_people().await;
    let tenant = &trial.tenant;
    let job = tenant
        .start_job("test", "test", Some("London-1"))
        .await
        .unwrap();
    let progress = crate::Progress {
        job: job.id,
        ..crate::Progress::default()
    };
    let mail = filed(
        &letter(9, "eve@example.com", ANN, "", "from afar"),
        ANN,
        "INBOX",
        0,
    );
    let outcomes = tenant.admit(vec![mail], Some(progress)).await.unwrap();
    tenant.advance_index(true).await.unwrap();
    let Outcome::Stored(id) = outcomes[0] else {
        unreachable!("it is new")
    };
    assert_eq!(
        found(tenant, "server:london-1", &Scope::Everything).await,
        BTreeSet::from([id])
    );
    assert_eq!(
        found(tenant, "server:london-1", &Scope::mailboxes([BOB])).await,
        BTreeSet::new()
    );
    tenant.withdraw_job(job.id, "test", "wrong").await.unwrap();
    // The import that was withdrawn while it ran comes to its end.
    let ended = tenant.finish_job(job.id).await.unwrap();
    assert_eq!(ended.state, crate::JobState::Withdrawn);
    assert_eq!(
        found(tenant, "server:london-1", &Scope::Everything).await,
        BTreeSet::new()
    );
    let wrong = tenant
        .search(&request("server:paris", Order::Newest, &Scope::Everything))
        .await;
    assert!(wrong.is_err_and(|error| error.to_string().contains("London-1")));
}
