//! Search and what is asked around it: snippets, facets, months, reasons, suggestions, help.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use everpost_domain::access::Action;
use everpost_domain::digest::Digest;
use everpost_domain::query::{Query, parse, print};
use everpost_store::{By, FacetCount, Order, SearchHit, SearchRequest, SnippetPlace};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::extract::{Ask, Body};
use crate::problem::Problem;
use crate::view::{Person, PlaceView, people, places, sent, utf16};

/// Hits of a page: a page is looked at by a person, or followed by the next.
const MOST_HITS: usize = 500;
/// Ids of one request for snippets: those of a page.
const MOST_SNIPPETS: usize = 500;
/// Values of one list of facets.
const EACH: usize = 20;
/// Suggestions at once.
const MOST_SUGGESTIONS: usize = 50;

/// Which hits come first.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrderAsk {
    #[default]
    Newest,
    Oldest,
    Score,
}

/// What a hit is.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ByAsk {
    #[default]
    Message,
    Copy,
}

/// A search.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchAsk {
    /// The query; empty is everything.
    #[serde(default)]
    q: String,
    /// Which hits come first.
    #[serde(default)]
    #[param(inline)]
    order: OrderAsk,
    /// What a hit is.
    #[serde(default)]
    #[param(inline)]
    by: ByAsk,
    /// Hits of this page, at most 500.
    #[param(minimum = 0, maximum = 500, default = 50)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// The case: mail of its people and time instead of the caller's own.
    case: Option<i64>,
}

/// A page of hits, with counts of all.
#[derive(Serialize, ToSchema)]
pub(crate) struct SearchAnswer {
    /// Messages for which the query holds.
    total: u64,
    /// Copies for which it holds.
    copies: u64,
    /// Messages for which it cannot be told, because some of their text was not read.
    unknown: u64,
    /// How long it took.
    took_ms: f64,
    /// Who answered: `here`, and by name the other nodes that took part.
    answered: Vec<String>,
    /// Who did not.
    silent: Vec<String>,
    /// Where the next page goes on; null on the last.
    next: Option<String>,
    /// The query as the language writes it.
    canonical: String,
    /// The hits.
    hits: Vec<Hit>,
}

/// A hit.
#[derive(Serialize, ToSchema)]
pub(crate) struct Hit {
    /// The message's id.
    id: String,
    /// The copy that is shown.
    sha256: String,
    /// Copies of the message.
    copies: u64,
    /// The Date field.
    date: Option<String>,
    /// The first author.
    from: Option<Person>,
    to: Vec<Person>,
    subject: String,
    /// Bytes of the copy.
    size: u64,
    /// How many attachments it has.
    attachments: u32,
    /// Where it lies.
    places: Vec<PlaceView>,
    /// How well it fits, in the order by score.
    score: Option<f32>,
}

fn hit(hit: &SearchHit) -> Hit {
    let head = &hit.head;
    Hit {
        id: hit.id.to_string(),
        sha256: hit.copy.to_string(),
        copies: hit.copies,
        date: sent(head),
        from: people(&head.from).into_iter().next(),
        to: people(&head.to),
        subject: head.subject.clone(),
        size: hit.size,
        attachments: head.attachments,
        places: places(&hit.places),
        score: hit.score,
    }
}

/// Find mail.
#[utoipa::path(get, path = "/search", tag = "search", params(SearchAsk),
    responses((status = 200, body = SearchAnswer), Problem))]
pub(crate) async fn search(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<SearchAsk>,
) -> Result<Json<SearchAnswer>, Problem> {
    let began = Instant::now();
    let reach = app.reach(&caller, Action::Search, ask.case).await?;
    let query = parse(&ask.q)?;
    let limit = ask.limit.unwrap_or(50);
    if limit > MOST_HITS {
        return Err(
            Problem::invalid(format!("a page has at most {MOST_HITS} hits"))
                .hint("go on with `cursor`"),
        );
    }
    let after = match &ask.cursor {
        Some(cursor) => Some(cursor.parse()?),
        None => None,
    };
    let canonical = print(&query);
    reach.log(&app, &format!("search {canonical}")).await?;
    let page = app
        .tenant
        .search(&SearchRequest {
            query,
            by: match ask.by {
                ByAsk::Message => By::Message,
                ByAsk::Copy => By::Copy,
            },
            order: match ask.order {
                OrderAsk::Newest => Order::Newest,
                OrderAsk::Oldest => Order::Oldest,
                OrderAsk::Score => Order::Score,
            },
            after,
            limit,
            scope: reach.scope,
        })
        .await?;
    Ok(Json(SearchAnswer {
        total: page.messages,
        copies: page.copies,
        unknown: page.unknown,
        took_ms: (began.elapsed().as_secs_f64() * 10_000.0).round() / 10.0,
        answered: std::iter::once("here".to_string())
            .chain(page.answered)
            .collect(),
        silent: Vec::new(),
        next: page.next.map(|next| next.to_string()),
        canonical,
        hits: page.hits.iter().map(hit).collect(),
    }))
}

/// For which hits snippets are wanted.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SnippetsAsk {
    /// The query.
    #[serde(default)]
    q: String,
    /// Ids of copies (`sha256` of hits) or messages; at most 500.
    ids: Vec<String>,
    /// The case: mail of its people and time instead of the caller's own.
    case: Option<i64>,
}

/// Snippets.
#[derive(Serialize, ToSchema)]
pub(crate) struct SnippetsAnswer {
    /// In the order of the ids; those that are not there are left out.
    snippets: Vec<SnippetView>,
}

/// The text around the words that were looked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct SnippetView {
    /// The id as it was asked for.
    id: String,
    /// One line of text.
    text: String,
    /// Where the words are in it: UTF-16 offsets of start and end.
    hits: Vec<[usize; 2]>,
    /// `subject`, `body` or `attachment`.
    r#where: &'static str,
    /// The attachment's name.
    attachment: Option<String>,
}

/// The text around what was found, for hits of a page.
#[utoipa::path(post, path = "/search/snippets", tag = "search", request_body = SnippetsAsk,
    responses((status = 200, body = SnippetsAnswer), Problem))]
pub(crate) async fn snippets(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<SnippetsAsk>,
) -> Result<Json<SnippetsAnswer>, Problem> {
    let reach = app.reach(&caller, Action::Search, ask.case).await?;
    let query = parse(&ask.q)?;
    if ask.ids.len() > MOST_SNIPPETS {
        return Err(Problem::invalid(format!(
            "at most {MOST_SNIPPETS} ids at once"
        )));
    }
    let ids: Vec<Digest> = ask
        .ids
        .iter()
        .map(|id| {
            id.parse()
                .map_err(|_| Problem::not_found(format!("message {id}")))
        })
        .collect::<Result<_, _>>()?;
    let subject = format!("snippets of {} for {}", ask.ids.join(" "), print(&query));
    reach.log(&app, &subject).await?;
    let found = app.tenant.snippets(&query, &ids, &reach.scope).await?;
    let snippets = found
        .into_iter()
        .map(|one| {
            let (place, attachment) = match one.place {
                SnippetPlace::Subject => ("subject", None),
                SnippetPlace::Body => ("body", None),
                SnippetPlace::Attachment(name) => ("attachment", name),
            };
            SnippetView {
                id: one.id.to_string(),
                hits: utf16(&one.snippet.text, &one.snippet.hits),
                text: one.snippet.text,
                r#where: place,
                attachment,
            }
        })
        .collect();
    Ok(Json(SnippetsAnswer { snippets }))
}

/// A query, and under which case it is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct QueryAsk {
    /// The query; empty is everything.
    #[serde(default)]
    q: String,
    /// The case: mail of its people and time instead of the caller's own.
    case: Option<i64>,
}

/// A value and the messages that have it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Count {
    value: String,
    count: u64,
}

fn counts(list: Vec<FacetCount>) -> Vec<Count> {
    let count = |one: FacetCount| Count {
        value: one.value,
        count: one.count,
    };
    list.into_iter().map(count).collect()
}

/// What the hits have in common: at most 20 values a list, the most frequent first.
#[derive(Serialize, ToSchema)]
pub(crate) struct FacetsAnswer {
    sender: Vec<Count>,
    domain: Vec<Count>,
    year: Vec<Count>,
    /// Types of attachments.
    r#type: Vec<Count>,
    mailbox: Vec<Count>,
    language: Vec<Count>,
}

/// What the hits have in common.
#[utoipa::path(get, path = "/search/facets", tag = "search", params(QueryAsk),
    responses((status = 200, body = FacetsAnswer), Problem))]
pub(crate) async fn facets(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<QueryAsk>,
) -> Result<Json<FacetsAnswer>, Problem> {
    let reach = app.reach(&caller, Action::Search, ask.case).await?;
    let query = parse(&ask.q)?;
    reach
        .log(&app, &format!("facets of {}", print(&query)))
        .await?;
    let found = app.tenant.facets(&query, &reach.scope, EACH).await?;
    Ok(Json(FacetsAnswer {
        sender: counts(found.sender),
        domain: counts(found.domain),
        year: counts(found.year),
        r#type: counts(found.kind),
        mailbox: counts(found.mailbox),
        language: counts(found.language),
    }))
}

/// Hits of a month.
#[derive(Serialize, ToSchema)]
pub(crate) struct Month {
    /// `2024-01`.
    month: String,
    count: u64,
}

/// Hits by month; all together are the hits of the search.
#[derive(Serialize, ToSchema)]
pub(crate) struct TimelineAnswer {
    /// Months that have hits, in order.
    months: Vec<Month>,
    /// Hits without a date that can be read.
    undated: u64,
}

/// When the hits were sent.
#[utoipa::path(get, path = "/search/timeline", tag = "search", params(QueryAsk),
    responses((status = 200, body = TimelineAnswer), Problem))]
pub(crate) async fn timeline(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<QueryAsk>,
) -> Result<Json<TimelineAnswer>, Problem> {
    let reach = app.reach(&caller, Action::Search, ask.case).await?;
    let query = parse(&ask.q)?;
    reach
        .log(&app, &format!("timeline of {}", print(&query)))
        .await?;
    let found = app.tenant.months(&query, &reach.scope).await?;
    Ok(Json(TimelineAnswer {
        months: found
            .months
            .iter()
            .map(|one| Month {
                month: format!("{:04}-{:02}", one.year, one.month),
                count: one.count,
            })
            .collect(),
        undated: found.undated,
    }))
}

/// A query and a message.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhyAsk {
    /// The query.
    #[serde(default)]
    q: String,
    /// The copy or message.
    id: String,
    /// The case: mail of its people and time instead of the caller's own.
    case: Option<i64>,
}

/// What each test of the query says.
#[derive(Serialize, ToSchema)]
pub(crate) struct WhyAnswer {
    tests: Vec<TestView>,
}

/// A test of the query.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestView {
    /// As the query language writes it.
    test: String,
    /// Whether it holds; null where it cannot be told.
    holds: Option<bool>,
    /// Where it was met.
    r#where: Vec<TestPlace>,
}

/// Where a test was met.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestPlace {
    field: String,
    attachment: Option<String>,
    text: String,
}

/// Why a message is, or is not, a hit.
#[utoipa::path(get, path = "/search/why", tag = "search", params(WhyAsk),
    responses((status = 200, body = WhyAnswer), Problem))]
pub(crate) async fn why(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<WhyAsk>,
) -> Result<Json<WhyAnswer>, Problem> {
    let reach = app.reach(&caller, Action::Search, ask.case).await?;
    let query = parse(&ask.q)?;
    let id = super::messages::id(&ask.id)?;
    app.tenant.show_within(&id, &reach.scope).await?;
    let subject = format!("message {id} why {}", print(&query));
    reach.log(&app, &subject).await?;
    let found = app.tenant.why(&query, &id, &reach.scope).await?;
    let tests = found.into_iter().map(|one| TestView {
        test: one.test,
        holds: one.holds,
        r#where: one
            .places
            .into_iter()
            .map(|place| TestPlace {
                field: place.field,
                attachment: place.attachment,
                text: place.text,
            })
            .collect(),
    });
    Ok(Json(WhyAnswer {
        tests: tests.collect(),
    }))
}

/// A query alone.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TextAsk {
    /// The query.
    #[serde(default)]
    q: String,
}

/// A query that was understood.
#[derive(Serialize, ToSchema)]
pub(crate) struct Understood {
    /// The query as the language writes it.
    canonical: String,
}

/// Whether a query is well formed, and what it means.
#[utoipa::path(get, path = "/query", tag = "search", params(TextAsk),
    responses((status = 200, body = Understood), Problem))]
pub(crate) async fn understand(
    _caller: Caller,
    Ask(ask): Ask<TextAsk>,
) -> Result<Json<Understood>, Problem> {
    let query: Query = parse(&ask.q)?;
    Ok(Json(Understood {
        canonical: print(&query),
    }))
}

/// The beginning of an address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SuggestAsk {
    /// What was typed so far.
    prefix: String,
    /// At most so many, 50 at most.
    #[param(minimum = 1, maximum = 50, default = 10)]
    limit: Option<usize>,
    /// The case: mail of its people and time instead of the caller's own.
    case: Option<i64>,
}

/// Addresses.
#[derive(Serialize, ToSchema)]
pub(crate) struct SuggestAnswer {
    /// The most frequent first.
    addresses: Vec<AddressView>,
}

/// An address that occurs in mail within reach.
#[derive(Serialize, ToSchema)]
pub(crate) struct AddressView {
    address: String,
    /// A name it goes by; may be empty.
    name: String,
    /// In how many copies.
    count: u64,
}

/// Addresses that begin with what was typed.
#[utoipa::path(get, path = "/suggest", tag = "search", params(SuggestAsk),
    responses((status = 200, body = SuggestAnswer), Problem))]
pub(crate) async fn suggest(
    State(app): State<App>,
    caller: Caller,
    Ask(ask): Ask<SuggestAsk>,
) -> Result<Json<SuggestAnswer>, Problem> {
    let reach = app.reach(&caller, Action::Search, ask.case).await?;
    let limit = ask.limit.unwrap_or(10).clamp(1, MOST_SUGGESTIONS);
    reach
        .log(&app, &format!("addresses that begin with {}", ask.prefix))
        .await?;
    let found = app.tenant.suggest(&ask.prefix, &reach.scope, limit).await?;
    let addresses = found.into_iter().map(|one| AddressView {
        address: one.address,
        name: one.name,
        count: one.count,
    });
    Ok(Json(SuggestAnswer {
        addresses: addresses.collect(),
    }))
}
