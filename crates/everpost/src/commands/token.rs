//! `everpost token`.

use everpost_domain::access::{Action, Scopes};
use everpost_store::{Token, TokenGrant};
use serde_json::json;

use super::user::ACTOR;
use super::{instant, open, time};
use crate::cli::{Global, TokenCommand};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

pub(crate) async fn run(global: &Global, command: TokenCommand) -> Result<Exit, Failure> {
    let (store, tenant) = open(global, false).await?;
    match command {
        TokenCommand::Create {
            address,
            name,
            scope,
            expires,
        } => {
            let account = tenant.account(&address).await?;
            let read = |name: &String| {
                name.parse::<Action>()
                    .map_err(|error| Failure::usage(error.to_string(), "see --help"))
            };
            let expires = expires.as_deref().map(instant).transpose()?;
            let grant = TokenGrant {
                name,
                scopes: scope.iter().map(read).collect::<Result<Scopes, _>>()?,
                expires: expires.map_or(0, |seconds| seconds.saturating_mul(1_000_000)),
            };
            let (token, secret) = tenant.add_token(&account, &grant, ACTOR).await?;
            match global.json {
                true => object(&json!({"id": token.id, "secret": secret}))?,
                false => line(format!("Token {} (shown once): {secret}", token.id))?,
            }
        }
        TokenCommand::List => {
            let accounts = tenant.accounts().await?;
            for token in tenant.tokens().await? {
                let account = accounts.iter().find(|one| one.id == token.account);
                show(global, &token, account.map_or("", |one| &one.address))?;
            }
        }
        TokenCommand::Revoke { id } => {
            tenant.revoke_token(id, ACTOR).await?;
            match global.json {
                true => object(&json!({"id": id, "revoked": true}))?,
                false => line(format!("Token {id} is ended."))?,
            }
        }
    }
    tenant.advance_log().await?;
    store.close().await?;
    Ok(Exit::Well)
}

fn show(global: &Global, token: &Token, address: &str) -> Result<(), Failure> {
    let scopes: Vec<&str> = token.scopes.iter().map(Action::name).collect();
    let when = |us: i64| (us != 0).then(|| time(us));
    if global.json {
        return object(&json!({
            "id": token.id, "address": address, "name": token.name, "prefix": token.shown,
            "scopes": scopes, "created": time(token.created), "expires": when(token.expires),
            "last_used": when(token.used), "revoked": when(token.revoked),
        }));
    }
    let state = match (token.revoked, token.expires) {
        (0, 0) => "in force".to_string(),
        (0, expires) => format!("until {}", time(expires)),
        (revoked, _) => format!("ended {}", time(revoked)),
    };
    line(plain(&format!(
        "{:>4}  {}…  {address}  {}  {}  {state}",
        token.id,
        token.shown,
        token.name,
        scopes.join(",")
    )))
}
