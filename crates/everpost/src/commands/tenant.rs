//! `everpost tenant`.

use everpost_store::Store;
use serde_json::json;

use super::{options, show_new_key};
use crate::cli::{Global, TenantCommand};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

pub(crate) async fn run(global: &Global, command: TenantCommand) -> Result<Exit, Failure> {
    let store = Store::open(options(global)?).await?.store;
    match command {
        TenantCommand::Add { name } => {
            let recovery = store.add_tenant(&name).await?;
            show_new_key(global, &recovery, &format!("Tenant {name} was added."));
            if global.json {
                object(&json!({"summary": true, "tenant": name}))?;
            }
        }
        TenantCommand::List => list(global, &store)?,
    }
    store.close().await?;
    Ok(Exit::Well)
}

fn list(global: &Global, store: &Store) -> Result<(), Failure> {
    let tenants = store.tenants();
    for tenant in &tenants {
        match global.json {
            true => object(&json!({"tenant": tenant.name()}))?,
            false => line(plain(tenant.name()))?,
        }
    }
    match global.json {
        true => object(&json!({"summary": true, "tenants": tenants.len()})),
        false => Ok(()),
    }
}
