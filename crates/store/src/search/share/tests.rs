//! Whoever answers, and however it fails, the answer is that of one node.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::io;
use std::net::SocketAddr;

use everpost_domain::query::parse;
use futures::future::BoxFuture;

use super::*;
use crate::clock::now_us;
use crate::trial::{Dice, Trial, mails};
use crate::{
    By, Facets, Messenger, Months, Order, Scope, SearchPage, SearchRequest, SharedWork, StoreError,
};

#[test]
fn records_are_read_as_they_were_written_and_cut_ones_are_not() {
    let set: RoaringTreemap = [1, 70_000, 1 << 40].into_iter().collect();
    let asked = Asked {
        query: parse("from:ann (budget OR -tag:done)").unwrap(),
        sets: vec![(Test::Tag("done".into()), Arc::new(set))],
        splits: vec![SplitId([1; 16]), SplitId([2; 16])],
    };
    let record = asked.encode().unwrap();
    assert_eq!(Asked::decode(&record).unwrap(), asked);
    let answer = Answer {
        holds: (0..900).collect(),
        unknown: [3, 99_999].into_iter().collect(),
    };
    let answers = vec![(SplitId([2; 16]), answer)];
    let answer = encode_answers(&answers).unwrap();
    assert_eq!(decode_answers(&answer).unwrap(), answers);
    for cut in 0..record.len() {
        assert!(Asked::decode(record.get(..cut).unwrap()).is_err(), "{cut}");
    }
    for cut in 0..answer.len() {
        assert!(decode_answers(answer.get(..cut).unwrap()).is_err(), "{cut}");
    }
}

#[test]
fn who_lives_keeps_its_splits_when_another_goes() {
    let nodes: Vec<NodeId> = (0..4u8).map(|number| [number; 16]).collect();
    let splits: Vec<SplitId> = (0..=255u8).map(|number| SplitId([number; 16])).collect();
    let of = |nodes: &[NodeId], split: SplitId| nodes.get(node_for(nodes, split)?).copied();
    let mut each = [0usize; 4];
    for split in splits {
        let before = node_for(&nodes, split).unwrap();
        *each.get_mut(before).unwrap() += 1;
        let left: Vec<NodeId> = nodes.iter().copied().filter(|node| node[0] != 3).collect();
        let after = of(&left, split).unwrap();
        assert!(before == 3 || of(&nodes, split) == Some(after));
    }
    assert!(
        each.iter().all(|count| (32..96).contains(count)),
        "{each:?}"
    );
}

/// A cluster in one process: each node is this store, and the port at which it is reached says how
/// it behaves.
struct Behaving(Tenant);

const WELL: u16 = 1;
const REFUSING: u16 = 2;
const BABBLING: u16 = 3;
const SILENT: u16 = 4;

impl Messenger for Behaving {
    fn ask(
        &self,
        address: SocketAddr,
        message: Vec<u8>,
    ) -> BoxFuture<'static, io::Result<Vec<u8>>> {
        let tenant = self.0.clone();
        Box::pin(async move {
            match address.port() {
                WELL => tenant.answer(&message).await.map_err(io::Error::other),
                REFUSING => Err(io::ErrorKind::ConnectionRefused.into()),
                BABBLING => Ok(vec![7; 100]),
                _ => std::future::pending().await,
            }
        })
    }
}

/// An archive of a dozen splits, in which copies of one message lie in different ones.
async fn archive() -> Trial {
    let mut trial = Trial::new(Vec::new(), 1).await;
    let relay = b"Received: from c.example.org by d.example.org; 02 Apr 2021 10:00:00 +0000\r\n";
    for (number, size) in [3, 3, 3, 3, 3, 20, 20, 20, 20, 20, 70]
        .into_iter()
        .enumerate()
    {
        let mut some = mails(size, None, 50 + number as u64);
        let before = mails(size, None, 49 + number as u64);
        let again = before.iter().take(2);
        some.extend(again.map(|mail| [relay.as_slice(), mail].concat()));
        trial.admit(some, 30).await;
    }
    let tenant = trial.tenant.clone();
    tenant.share(Arc::new(Behaving(tenant.clone())), 0);
    trial
}

/// From now on there are nodes that behave so.
fn nodes(tenant: &Tenant, dice: &mut Dice, behaviours: &[u16]) {
    let node = |port: &u16| {
        let name = std::array::from_fn(|_| dice.below(256) as u8);
        (name, SocketAddr::from(([127, 0, 0, 1], *port)))
    };
    tenant.pretend(behaviours.iter().map(node).collect());
}

/// Everything that a search says, page by page.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    pages: Vec<String>,
    facets: Facets,
    months: Months,
}

async fn told(tenant: &Tenant, request: &SearchRequest) -> (Told, Vec<String>) {
    let (mut pages, mut answered) = (Vec::new(), Vec::new());
    let mut request = request.clone();
    loop {
        let page: SearchPage = tenant.search(&request).await.unwrap();
        let hits: Vec<String> = page
            .hits
            .iter()
            .map(|hit| format!("{} {} {} {:?}", hit.id, hit.copy, hit.copies, hit.score))
            .collect();
        pages.push(format!(
            "{} {} {} {hits:?} {:?}",
            page.messages, page.copies, page.unknown, page.next
        ));
        answered.extend(page.answered);
        request.after = page.next;
        if request.after.is_none() || pages.len() == 4 {
            break;
        }
    }
    let (query, scope) = (&request.query, &request.scope);
    let told = Told {
        pages,
        facets: tenant.facets(query, scope, 20).await.unwrap(),
        months: tenant.months(query, scope).await.unwrap(),
    };
    (told, answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_part_the_answer_is_that_of_one_node() {
    let trial = archive().await;
    let tenant = &trial.tenant;
    let mut dice = Dice::new(now_us().unsigned_abs());
    let queries = [
        "",
        "disk",
        "-disk",
        "disk parity",
        "raid* OR rebuild",
        "\"disk parity\"",
        "subject:re",
        "disk NEAR/5 spare",
        "from:ann3",
        "has:attachment",
        "in:inbox kernel",
        "is:read -patch",
        "size>20KB",
        "sent:2024-01-10..2024-01-20",
        "stem:rebuilding",
        "nosuchword",
        "age>1d sector",
    ];
    let scopes = [
        Scope::Everything,
        Scope::mailboxes(["ann@example.org"]),
        Scope::mailboxes(["bob@example.org"]),
    ];
    let mut others = 0;
    for _ in 0..60 {
        let request = SearchRequest {
            order: [Order::Newest, Order::Oldest, Order::Score][dice.below(3)],
            by: [By::Message, By::Copy][dice.below(2)],
            limit: 1 + dice.below(30),
            scope: scopes[dice.below(3)].clone(),
            ..SearchRequest::new(parse(queries[dice.below(queries.len())]).unwrap())
        };
        nodes(tenant, &mut dice, &[]);
        let (alone, _) = told(tenant, &request).await;
        let behaviours: Vec<u16> = (0..1 + dice.below(4))
            .map(|_| [WELL, WELL, REFUSING, BABBLING][dice.below(4)])
            .collect();
        nodes(tenant, &mut dice, &behaviours);
        let (together, answered) = told(tenant, &request).await;
        assert_eq!(together, alone, "{request:?} {behaviours:?}");
        others += answered.len();
    }
    let SharedWork {
        searches,
        answered,
        taken_back,
    } = tenant.shared_work();
    assert!(
        others > 0 && searches > 20 && answered > 20 && taken_back > 3,
        "{others} took part; {searches} {answered} {taken_back}"
    );
    assert!(alone_has_several_copies(tenant).await);
}

/// The corpus has what is hard to put together: messages with copies in several splits.
async fn alone_has_several_copies(tenant: &Tenant) -> bool {
    let page = tenant.search(&SearchRequest::new(parse("").unwrap())).await;
    let page = page.unwrap();
    page.copies > page.messages
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_waited_for_once() {
    let trial = archive().await;
    let tenant = &trial.tenant;
    let request = SearchRequest::new(parse("disk").unwrap());
    let (alone, _) = told(tenant, &request).await;
    let mut dice = Dice::new(7);
    // It may not be asked for any split; another name is for other ones.
    loop {
        nodes(tenant, &mut dice, &[SILENT]);
        let (together, answered) = told(tenant, &request).await;
        assert_eq!((together, answered), (alone.clone(), Vec::new()));
        if tenant.others(u64::MAX).is_empty() {
            break;
        }
    }
    assert!(tenant.shared_work().taken_back > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_no_node_is_not_answered() {
    let trial = Trial::new(mails(5, None, 1), 5).await;
    let other = Trial::new(mails(5, None, 1), 5).await;
    for message in [&b""[..], b"short", &[0; 200]] {
        let answer = trial.tenant.answer(message).await;
        assert!(matches!(answer, Err(StoreError::Key(_))), "{answer:?}");
    }
    let asked = Asked {
        query: parse("").unwrap(),
        sets: Vec::new(),
        splits: Vec::new(),
    };
    let record = asked.encode().unwrap();
    let (message, _) = trial.tenant.sealed_question(&record, now_us()).unwrap();
    assert!(trial.tenant.answer(&message).await.is_ok());
    let foreign = other.tenant.answer(&message).await;
    assert!(matches!(foreign, Err(StoreError::Key(_))), "{foreign:?}");
    // Recorded by somebody, and played again.
    let hour = 3_600_000_000;
    let (old, _) = trial
        .tenant
        .sealed_question(&record, now_us() - hour)
        .unwrap();
    assert!(trial.tenant.answer(&old).await.is_err());
    for at in [3, 17, 30] {
        let mut changed = message.clone();
        changed[at] ^= 1;
        assert!(trial.tenant.answer(&changed).await.is_err());
    }
}
