//! Questions to the index.

use std::str::FromStr;

use everpost_domain::query::parse;
use everpost_store::{By, Cursor, Order, Result, Scope, SearchHit, SearchPage, SearchRequest};

use crate::mails::{ANN, BOB, YUKI};
use crate::story::Story;

const QUERIES: [&str; 30] = [
    "",
    "sailor",
    "sailors OR parity",
    "quarterly figures",
    "\"quarterly figures\"",
    "quart*",
    "sailor NEAR/3 knows",
    "-sailor has:attachment",
    "報告",
    "京都",
    "from:ann@example.org",
    "to:@example.org",
    "subject:quarterly -from:bob@example.org",
    "filename:*.dat",
    "attachment:harbour",
    "harbour",
    "crash",
    "sent:2019",
    "before:2014-01-01",
    "size:>1mb",
    "mailbox:bob@example.org",
    "folder:\"Archive/2019\"",
    "folder:送信済み",
    "is:flagged",
    "is:unread",
    "tag:sea",
    "group:sales",
    "group:nobody",
    "server:imap.example.net",
    "lang:ja",
];

pub(super) async fn tell(story: &mut Story) {
    story.chapter("search");
    for query in QUERIES {
        pages(story, query).await;
    }
    cursors(story).await;
    scopes(story).await;
    story.chapter("around a search");
    for query in ["", "sailor", "figures OR parity", "報告"] {
        around(story, query).await;
    }
    conversations(story).await;
    reasons(story).await;
    suggestions(story).await;
}

fn hit(hit: &SearchHit) -> String {
    let subject = &hit.head.subject;
    let (id, copy, copies, size) = (hit.id, hit.copy, hit.copies, hit.size);
    let places = &hit.places;
    format!("{id} by {copy} of {copies}, {size} bytes, `{subject}` in {places:?}")
}

fn page(page: &SearchPage) -> String {
    let mut hits: Vec<String> = page.hits.iter().map(hit).collect();
    let mut next = page.next.map(|next| next.to_string());
    // Scores, and with them the order and the cursors, depend on how splits were cut, which
    // failures move.
    if page.hits.iter().any(|hit| hit.score.is_some()) {
        hits.sort();
        next = None;
    }
    let (messages, copies, unknown) = (page.messages, page.copies, page.unknown);
    format!("{messages} messages, {copies} copies, {unknown} unknown, {hits:#?}, next {next:?}")
}

/// The first pages of a query, in every order.
async fn pages(story: &mut Story, query: &str) {
    let tenant = story.tenant();
    let parsed = match parse(query) {
        Ok(parsed) => parsed,
        Err(error) => panic!("`{query}`: {}", error.pretty(query)),
    };
    for by in [By::Message, By::Copy] {
        for order in [Order::Newest, Order::Oldest, Order::Score] {
            let mut request = SearchRequest::new(parsed.clone());
            let limit = if order == Order::Score { 1000 } else { 4 };
            (request.by, request.order, request.limit) = (by, order, limit);
            for _ in 0..3 {
                let found = story.done(async || tenant.search(&request).await).await;
                let shown = found.as_ref().map(page);
                match &shown {
                    Ok(shown) => story.say_text(&format!("`{query}` {by:?} {order:?}"), shown),
                    Err(error) => story.say_text(&format!("`{query}`"), &error.to_string()),
                }
                request.after = found.ok().and_then(|page| page.next);
                if request.after.is_none() {
                    break;
                }
            }
        }
    }
}

async fn cursors(story: &mut Story) {
    let tenant = story.tenant();
    let mut request = SearchRequest::new(parse("").unwrap());
    request.order = Order::Score;
    for text in ["1.5.7.9", "1.5.7.9.11", "hello"] {
        let asked: Result<SearchPage> = match Cursor::from_str(text) {
            Ok(cursor) => {
                request.after = Some(cursor);
                story.done(async || tenant.search(&request).await).await
            }
            Err(error) => Err(error),
        };
        story.answer(
            &format!("a cursor {text}"),
            &asked.map(|found| page(&found)),
        );
    }
}

async fn scopes(story: &mut Story) {
    let scopes = [
        ("Ann", Scope::mailboxes([ANN])),
        (
            "Bob or Yuki",
            Scope::mailboxes([BOB]).or(Scope::mailboxes([YUKI])),
        ),
        (
            "Ann in 2013",
            Scope::case(
                [ANN],
                Some(1_356_998_400_000_000),
                Some(1_388_534_400_000_000),
            ),
        ),
        ("nobody", Scope::mailboxes(["nobody@example.org"])),
    ];
    let tenant = story.tenant();
    for (who, scope) in scopes {
        for query in ["", "sailor", "folder:\"Archive/2019\"", "is:flagged"] {
            let mut request = SearchRequest::new(parse(query).unwrap());
            (request.scope, request.limit) = (scope.clone(), 6);
            let found = story.done(async || tenant.search(&request).await).await;
            let shown = page(&found.unwrap());
            story.say_text(&format!("`{query}` of {who}"), &shown);
        }
    }
}

/// What else is shown beside hits.
async fn around(story: &mut Story, query: &str) {
    let tenant = story.tenant();
    let parsed = parse(query).unwrap();
    for (who, scope) in [("all", Scope::Everything), ("Ann", Scope::mailboxes([ANN]))] {
        let facets = async || tenant.facets(&parsed, &scope, 5).await;
        story
            .ask(&format!("facets of `{query}` for {who}"), facets)
            .await
            .unwrap();
        let months = async || tenant.months(&parsed, &scope).await;
        story
            .ask(&format!("months of `{query}` for {who}"), months)
            .await
            .unwrap();
        let ids: Vec<_> = story
            .mails
            .named
            .iter()
            .map(crate::mails::Mail::id)
            .collect();
        let snippets = async || tenant.snippets(&parsed, &ids, &scope).await;
        story
            .ask(&format!("snippets of `{query}` for {who}"), snippets)
            .await
            .unwrap();
    }
}

async fn conversations(story: &mut Story) {
    let tenant = story.tenant();
    let scopes = [
        ("all", Scope::Everything),
        ("Ann", Scope::mailboxes([ANN])),
        ("Yuki", Scope::mailboxes([YUKI])),
    ];
    for (who, scope) in &scopes {
        for name in [
            "root",
            "second reply",
            "plain",
            "empty",
            "withdrawn",
            "late",
        ] {
            let id = story.mails.id(name);
            let talk = async || tenant.conversation(&id, scope).await;
            story
                .ask(&format!("conversation of {name} for {who}"), talk)
                .await
                .ok();
        }
    }
}

async fn reasons(story: &mut Story) {
    let tenant = story.tenant();
    for (query, name) in [
        ("sailor -parity", "root"),
        ("harbour crash", "papers"),
        ("group:sales is:flagged", "second reply"),
        ("sailor", "no id"),
        ("sailor", "late"),
    ] {
        let (parsed, id) = (parse(query).unwrap(), story.mails.id(name));
        for (who, scope) in [
            ("all", Scope::Everything),
            ("Yuki", Scope::mailboxes([YUKI])),
        ] {
            let why = async || tenant.why(&parsed, &id, &scope).await;
            story
                .ask(&format!("why `{query}` finds {name} for {who}"), why)
                .await
                .ok();
        }
    }
}

async fn suggestions(story: &mut Story) {
    let tenant = story.tenant();
    let scopes = [("all", Scope::Everything), ("Ann", Scope::mailboxes([ANN]))];
    for (who, scope) in &scopes {
        for (prefix, limit) in [
            ("", 7),
            ("a", 100),
            ("person1", 5),
            ("bob", 3),
            ("雪", 3),
            ("nobody at", 3),
        ] {
            let suggest = async || tenant.suggest(prefix, scope, limit).await;
            story
                .ask(&format!("`{prefix}` suggests to {who}"), suggest)
                .await
                .unwrap();
        }
    }
}
