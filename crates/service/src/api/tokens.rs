//! Tokens of programs.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use everpost_domain::access::{Action, Object, Scopes};
use everpost_domain::query::{Query, Test, parse};
use everpost_store::{Account, Token, TokenGrant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Items;
use crate::app::App;
use crate::caller::{Caller, Via};
use crate::extract::{Body, number};
use crate::problem::Problem;
use crate::view::{time, time_or_never};

/// A token.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenView {
    id: i64,
    /// The account that it speaks for.
    address: String,
    name: String,
    /// How its secret begins.
    prefix: String,
    /// What it is good for, of what the account may do.
    scopes: Vec<&'static str>,
    created: String,
    expires: Option<String>,
    /// When it was last used, within a minute.
    last_used: Option<String>,
    revoked: Option<String>,
}

fn view(token: Token, accounts: &[Account]) -> TokenView {
    let account = accounts.iter().find(|account| account.id == token.account);
    TokenView {
        id: token.id,
        address: account.map_or(String::new(), |account| account.address.clone()),
        name: token.name,
        prefix: token.shown,
        scopes: token.scopes.iter().map(Action::name).collect(),
        created: time(token.created),
        expires: time_or_never(token.expires),
        last_used: time_or_never(token.used),
        revoked: time_or_never(token.revoked),
    }
}

/// Those that the caller may see: of everybody, for who manages accounts, else their own.
async fn visible(app: &App, caller: &Caller) -> Result<(Vec<Token>, Vec<Account>), Problem> {
    let all = caller
        .check(Action::ManageUsers, Object::Organization)
        .is_ok();
    let own = caller.account().map(|account| account.id);
    let mut tokens = app.tenant.tokens().await?;
    tokens.retain(|token| all || Some(token.account) == own);
    Ok((tokens, app.tenant.accounts().await?))
}

/// The caller's tokens; for who manages accounts, all.
#[utoipa::path(get, path = "/tokens", tag = "tokens",
    responses((status = 200, body = Items<TokenView>), Problem))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Items<TokenView>>, Problem> {
    let (tokens, accounts) = visible(&app, &caller).await?;
    Ok(Json(Items {
        items: tokens
            .into_iter()
            .map(|token| view(token, &accounts))
            .collect(),
    }))
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewToken {
    /// What it is for.
    name: String,
    /// `search`, `read`, `export`, `import`, `observe`, `verify`, `users`, `cases`.
    scopes: Vec<String>,
    /// When it ends (RFC 3339); absent: never.
    expires: Option<String>,
}

/// A token with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeToken {
    #[serde(flatten)]
    token: TokenView,
    /// What a program sends as `Authorization: Bearer`. It is shown this once.
    secret: String,
}

/// An instant, µs since 1970; a day is its beginning in UTC.
pub(crate) fn instant(text: &str) -> Result<i64, Problem> {
    let seconds = parse(&format!("sent:{text}"))
        .ok()
        .and_then(|query| match query {
            Query::Test(Test::Sent {
                from: Some(from), ..
            }) => Some(from),
            _ => None,
        });
    seconds
        .map(|seconds| seconds.saturating_mul(1_000_000))
        .ok_or_else(|| {
            Problem::invalid(format!("`{text}` is not a time"))
                .hint("write 2024-01-31 or 2024-01-31T08:00:00Z")
        })
}

/// Make a token of one's own.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = NewToken,
    responses((status = 201, body = MadeToken), Problem))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    // A token that leaked must not make others that outlive it.
    if !matches!(caller.via, Via::Session(_)) {
        return Err(Problem::forbidden("sign in to make a token"));
    }
    let account = caller.person()?;
    let actions = ask.scopes.iter().map(|name| {
        name.parse::<Action>()
            .map_err(|error| Problem::invalid(error.to_string()))
    });
    let grant = TokenGrant {
        name: ask.name,
        scopes: actions.collect::<Result<Scopes, Problem>>()?,
        expires: match ask.expires.as_deref() {
            Some(text) => instant(text)?,
            None => 0,
        },
    };
    let made = app.tenant.add_token(account, &grant, caller.name());
    let (token, secret) = made.await?;
    let token = view(token, std::slice::from_ref(account));
    Ok((StatusCode::CREATED, Json(MadeToken { token, secret })))
}

/// End a token.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens",
    params(("id" = i64, Path, description = "The token")),
    responses((status = 204, description = "Ended"), Problem))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = number(&id, "token")?;
    let (tokens, _) = visible(&app, &caller).await?;
    if !tokens.iter().any(|token| token.id == id) {
        return Err(Problem::not_found(format!("token {id}")));
    }
    app.tenant.revoke_token(id, caller.name()).await?;
    Ok(StatusCode::NO_CONTENT)
}
