//! Accounts.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use everpost_domain::access::{Action, Object, Role, Roles};
use everpost_store::{Account, AccountChange, NewAccount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Items;
use crate::app::App;
use crate::caller::{Caller, Via};
use crate::extract::Body;
use crate::password;
use crate::problem::Problem;
use crate::view::time;

/// An account.
#[derive(Serialize, ToSchema)]
pub(crate) struct User {
    address: String,
    name: String,
    roles: Vec<&'static str>,
    /// Addresses whose mail is its own.
    owns: Vec<String>,
    disabled: bool,
    created: String,
}

fn user(one: Account) -> User {
    User {
        roles: one.roles.iter().map(Role::name).collect(),
        address: one.address,
        name: one.name,
        owns: one.owns,
        disabled: one.disabled,
        created: time(one.created),
    }
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewUser {
    /// The address to sign in with.
    address: String,
    #[serde(default)]
    name: String,
    /// `admin`, `officer`, `reviewer`, `user`; without any, `user`.
    #[serde(default)]
    roles: Vec<String>,
    /// Addresses whose mail is its own; absent: the address itself.
    owns: Option<Vec<String>>,
    /// At least 15 characters.
    password: String,
}

/// What is to be different.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct UserChange {
    name: Option<String>,
    roles: Option<Vec<String>>,
    owns: Option<Vec<String>>,
    /// At least 15 characters. All sessions of the account end.
    password: Option<String>,
    /// The password until now: for one's own.
    current_password: Option<String>,
    disabled: Option<bool>,
}

fn roles(names: &[String]) -> Result<Roles, Problem> {
    let read = |name: &String| {
        name.parse::<Role>()
            .map_err(|error| Problem::invalid(error.to_string()))
    };
    names.iter().map(read).collect()
}

async fn hash(app: &App, password: String) -> Result<String, Problem> {
    let hashed = app.hashing(move || password::hash(&password)).await?;
    hashed.map_err(|error| Problem::invalid(error.to_string()))
}

/// All accounts.
#[utoipa::path(get, path = "/users", tag = "users",
    responses((status = 200, body = Items<User>), Problem))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Items<User>>, Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let found = app.tenant.accounts().await?;
    Ok(Json(Items {
        items: found.into_iter().map(user).collect(),
    }))
}

/// Make an account.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUser,
    responses((status = 201, body = User), Problem))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    Body(ask): Body<NewUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    caller.check(Action::ManageUsers, Object::Organization)?;
    let mut roles = roles(&ask.roles)?;
    if roles == Roles::default() {
        roles = Roles::from_iter([Role::User]);
    }
    let new = NewAccount {
        owns: ask.owns.unwrap_or_else(|| vec![ask.address.clone()]),
        address: ask.address,
        name: ask.name,
        roles,
        password_hash: hash(&app, ask.password).await?,
    };
    let made = app.tenant.add_account(&new, caller.name()).await?;
    Ok((StatusCode::CREATED, Json(user(made))))
}

/// Change an account: an administrator any but the rights of their own, everybody their own
/// password and name.
#[utoipa::path(patch, path = "/users/{address}", tag = "users", request_body = UserChange,
    params(("address" = String, Path, description = "The account's address")),
    responses((status = 200, body = User), Problem))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(address): Path<String>,
    Body(ask): Body<UserChange>,
) -> Result<Json<User>, Problem> {
    let own = caller
        .account()
        .is_some_and(|account| account.address == address.trim().to_lowercase());
    let rights = ask.roles.is_some() || ask.owns.is_some() || ask.disabled.is_some();
    if own && rights {
        return Err(Problem::forbidden(
            "nobody changes the rights of their own account",
        ));
    }
    if !own {
        caller.check(Action::ManageUsers, Object::Organization)?;
    } else if !matches!(caller.via, Via::Session(_)) {
        return Err(Problem::forbidden("sign in to change your own account"));
    } else if ask.password.is_some() {
        prove(&app, &address, ask.current_password.unwrap_or_default()).await?;
    }
    let change = AccountChange {
        name: ask.name,
        roles: ask.roles.as_deref().map(roles).transpose()?,
        owns: ask.owns,
        password_hash: match ask.password {
            Some(password) => Some(hash(&app, password).await?),
            None => None,
        },
        disabled: ask.disabled,
    };
    let changed = app.tenant.change_account(&address, &change, caller.name());
    Ok(Json(user(changed.await?)))
}

/// Asks for the password again: who found a desk unattended must not keep the account.
async fn prove(app: &App, address: &str, password: String) -> Result<(), Problem> {
    let Some((_, hash)) = app.tenant.credentials(address).await? else {
        return Err(Problem::not_found(format!("account {address}")));
    };
    match app.hashing(move || password::is(&password, &hash)).await? {
        true => Ok(()),
        false => Err(Problem::forbidden("the current password is wrong")),
    }
}
