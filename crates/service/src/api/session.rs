//! Signing in and out, and who one is.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use everpost_domain::access::Role;
use everpost_node::listen::Peer;
use everpost_store::Account;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mailbox::has_mailbox;
use crate::app::{App, lock};
use crate::caller::{COOKIE, Caller, Via};
use crate::extract::Body;
use crate::password;
use crate::problem::Problem;

/// What one signs in with.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SignIn {
    /// The account's address.
    address: String,
    /// Its password.
    password: String,
}

/// Who the caller is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// The account's address; empty for the operator.
    address: String,
    /// The person's name.
    name: String,
    /// `admin`, `officer`, `reviewer`, `user`, `operator`.
    roles: Vec<&'static str>,
    /// Addresses whose mail is the caller's own.
    owns: Vec<String>,
    /// Whether the caller has a standby mailbox here.
    mailbox: bool,
    /// Open cases in which the caller works.
    cases: Vec<CaseName>,
    /// Always null: requests that change something are told apart by their origin.
    csrf: Option<String>,
}

/// A case by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseName {
    id: i64,
    name: String,
}

async fn me_of(app: &App, account: &Account) -> Result<Me, Problem> {
    let cases = app.tenant.cases().await?;
    let reads = account.roles.has(Role::User);
    Ok(Me {
        mailbox: reads && has_mailbox(app, account).await?,
        address: account.address.clone(),
        name: account.name.clone(),
        roles: account.roles.iter().map(Role::name).collect(),
        owns: account.owns.clone(),
        cases: cases
            .into_iter()
            .filter(|case| case.admits(account))
            .map(|case| CaseName {
                id: case.id,
                name: case.name,
            })
            .collect(),
        csrf: None,
    })
}

/// Sign in. The session is a cookie.
#[utoipa::path(post, path = "/session", tag = "session", request_body = SignIn, security(()),
    responses((status = 200, body = Me, description = "Signed in; the answer sets the cookie"), Problem))]
pub(crate) async fn sign_in(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Body(ask): Body<SignIn>,
) -> Result<Response, Problem> {
    let from = match peer {
        Some(Extension(Peer::Network { address, .. })) => address,
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    // Names longer than any address must not fill the memory of failures.
    let name: String = ask
        .address
        .trim()
        .to_lowercase()
        .chars()
        .take(320)
        .collect();
    let now = Instant::now();
    let wait = lock(&app.by_account)
        .wait(&name, now)
        .max(lock(&app.by_address).wait(&from, now));
    if let Some(wait) = wait {
        let seconds = wait.as_secs() + 1;
        return Err(Problem::too_many("too many failed sign-ins", seconds));
    }
    lock(&app.by_account).failed(name.clone(), now);
    lock(&app.by_address).failed(from, now);
    let found = app.tenant.credentials(&ask.address).await?;
    let (account, hash) = match found {
        Some((account, hash)) => (Some(account), hash),
        None => (None, app.nobody.clone()),
    };
    let password = ask.password;
    let right = app.hashing(move || password::is(&password, &hash)).await?;
    let Some(account) = account.filter(|account| right && !account.disabled) else {
        tracing::warn!("a sign-in failed");
        return Err(Problem::unauthorized(
            "the address or the password is wrong",
        ));
    };
    lock(&app.by_account).succeeded(&name);
    lock(&app.by_address).succeeded(&from);
    let secret = app.tenant.start_session(&account).await?;
    let cookie = format!("{COOKIE}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict");
    let me = me_of(&app, &account).await?;
    Ok(([(header::SET_COOKIE, cookie)], Json(me)).into_response())
}

/// Sign out.
#[utoipa::path(delete, path = "/session", tag = "session",
    responses((status = 204, description = "Signed out"), Problem))]
pub(crate) async fn sign_out(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    if let Via::Session(secret) = &caller.via {
        app.tenant.end_session(secret).await?;
    }
    let cookie = format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Who the caller is.
#[utoipa::path(get, path = "/me", tag = "session",
    responses((status = 200, body = Me), Problem))]
pub(crate) async fn me(State(app): State<App>, caller: Caller) -> Result<Json<Me>, Problem> {
    match caller.account() {
        Some(account) => Ok(Json(me_of(&app, account).await?)),
        None => Ok(Json(Me {
            address: String::new(),
            name: "operator".into(),
            roles: vec![Role::Operator.name()],
            owns: Vec::new(),
            mailbox: false,
            cases: Vec::new(),
            csrf: None,
        })),
    }
}
