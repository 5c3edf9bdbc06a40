//! Who is asking: a session's cookie, a token, or a process of the operator's.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use everpost_domain::access::{Action, Object, Principal, Role, Roles, Scopes, may};
use everpost_node::listen::Peer;
use everpost_store::Account;

use crate::app::App;
use crate::problem::Problem;

/// The cookie of a session. Its prefix makes browsers insist on Secure, Path=/ and no Domain.
pub(crate) const COOKIE: &str = "__Host-everpost";

/// How the caller came in.
#[derive(Clone)]
pub(crate) enum Via {
    /// Signed in; the session's secret.
    Session(String),
    /// With a token.
    Token,
    /// Over the socket in the data directory.
    Local,
}

/// Who is asking.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    account: Option<Account>,
    pub(crate) via: Via,
}

impl Caller {
    /// The account; `None` for the operator.
    pub(crate) fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// The account, where an operation is one of accounts alone.
    pub(crate) fn person(&self) -> Result<&Account, Problem> {
        self.account()
            .ok_or_else(|| Problem::forbidden("this takes an account; the operator has none"))
    }

    /// The caller's name in the log.
    pub(crate) fn name(&self) -> &str {
        self.account()
            .map_or("operator", |account| &account.address)
    }

    /// Refuses what the caller may not do.
    pub(crate) fn check(&self, action: Action, object: Object) -> Result<(), Problem> {
        let decision = may(&self.principal, action, object);
        match decision.allow {
            true => Ok(()),
            false => Err(Problem::forbidden(decision.why)),
        }
    }
}

/// The session's secret that a browser sent.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, secret)| secret)
}

/// The token that a program sent.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(Peer::Local { uid }) = parts.extensions.get::<Peer>() {
            // Root can read the key file as well as its owner can.
            if *uid != 0 && Some(*uid) != app.operator {
                return Err(Problem::forbidden("the socket is the operator's"));
            }
            return Ok(Caller {
                principal: Principal {
                    roles: Roles::from_iter([Role::Operator]),
                    scopes: Scopes::ALL,
                },
                account: None,
                via: Via::Local,
            });
        }
        let of = |account: Account, scopes, via| Caller {
            principal: Principal {
                roles: account.roles,
                scopes,
            },
            account: Some(account),
            via,
        };
        if let Some(token) = bearer(&parts.headers) {
            return match app.tenant.token(token).await? {
                Some((account, scopes)) => Ok(of(account, scopes, Via::Token)),
                None => Err(Problem::unauthorized("the token is not in force")),
            };
        }
        let secret = cookie(&parts.headers).unwrap_or_default();
        match app.tenant.session(secret).await? {
            Some(account) => Ok(of(account, Scopes::ALL, Via::Session(secret.into()))),
            None => Err(Problem::unauthorized("sign in first")),
        }
    }
}
