//! `everpost user`.

use everpost_domain::access::{Role, Roles};
use everpost_service::password;
use everpost_store::{Account, AccountChange, NewAccount};
use serde_json::{Value, json};

use super::{open, time};
use crate::cli::{Global, UserCommand};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

/// Who does it, for the log: whoever has the key file.
pub(crate) const ACTOR: &str = "operator";

pub(crate) async fn run(global: &Global, command: UserCommand) -> Result<Exit, Failure> {
    // Read and hashed before the archive is opened: a mistake here costs nothing.
    let hash = match &command {
        UserCommand::Add { .. } | UserCommand::Passwd { .. } => password_hash()?,
        _ => String::new(),
    };
    let create = matches!(command, UserCommand::Add { .. });
    let (store, tenant) = open(global, create).await?;
    let changed = match command {
        UserCommand::Add {
            address,
            role,
            owns,
            name,
            ..
        } => {
            let new = NewAccount {
                owns: match owns.is_empty() {
                    true => vec![address.clone()],
                    false => owns,
                },
                address,
                name,
                roles: roles(&role)?,
                password_hash: hash,
            };
            tenant.add_account(&new, ACTOR).await?
        }
        UserCommand::List => {
            for account in tenant.accounts().await? {
                show(global, &account)?;
            }
            return Ok(Exit::Well);
        }
        UserCommand::Disable { address, undo } => {
            let change = AccountChange {
                disabled: Some(!undo),
                ..AccountChange::default()
            };
            tenant.change_account(&address, &change, ACTOR).await?
        }
        UserCommand::Passwd { address, .. } => {
            let change = AccountChange {
                password_hash: Some(hash),
                ..AccountChange::default()
            };
            tenant.change_account(&address, &change, ACTOR).await?
        }
    };
    tenant.advance_log().await?;
    store.close().await?;
    show(global, &changed)?;
    Ok(Exit::Well)
}

fn password_hash() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().read_line(&mut text)?;
    password::hash(text.trim_end_matches(['\r', '\n']))
        .map_err(|error| Failure::usage(error.to_string(), "give another on standard input"))
}

fn roles(names: &[String]) -> Result<Roles, Failure> {
    if names.is_empty() {
        return Ok(Roles::from_iter([Role::User]));
    }
    let read = |name: &String| {
        name.parse::<Role>()
            .map_err(|error| Failure::usage(error.to_string(), "see `everpost user add --help`"))
    };
    names.iter().map(read).collect()
}

fn show(global: &Global, account: &Account) -> Result<(), Failure> {
    let roles: Vec<&str> = account.roles.iter().map(Role::name).collect();
    if global.json {
        let value: Value = json!({
            "address": account.address, "name": account.name, "roles": roles,
            "owns": account.owns, "disabled": account.disabled, "created": time(account.created),
        });
        return object(&value);
    }
    let owns = match account.owns.is_empty() {
        true => "no mail of its own".into(),
        false => format!("owns {}", account.owns.join(", ")),
    };
    let shut = if account.disabled { "  DISABLED" } else { "" };
    line(plain(&format!(
        "{:<32} {:<20} {owns}{shut}",
        account.address,
        roles.join(", ")
    )))
}
