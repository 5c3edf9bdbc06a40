//! `everpost tag`.

use everpost_store::{Scope, StoreError, Tagged, Tagging, Tenant};
use serde_json::json;

use super::search::query;
use super::{indexed, open};
use crate::cli::{Global, TagCommand, TagWhat};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object, plain};

pub(crate) async fn run(global: &Global, command: TagCommand) -> Result<Exit, Failure> {
    let (_store, tenant) = open(global, false).await?;
    match command.what {
        TagWhat::Add { name, target } => change(global, &tenant, &name, &target, true).await,
        TagWhat::Remove { name, target } => change(global, &tenant, &name, &target, false).await,
        TagWhat::List => list(global, &tenant).await,
    }
}

async fn list(global: &Global, tenant: &Tenant) -> Result<Exit, Failure> {
    let tags = tenant.tags().await?;
    for tag in &tags {
        match global.json {
            true => object(&json!({"name": tag.name, "messages": tag.messages}))?,
            false => line(format!(
                "{:<30} {:>9}",
                plain(&tag.name),
                count(tag.messages)
            ))?,
        }
    }
    if global.json {
        object(&json!({"summary": true, "tags": tags.len()}))?;
    }
    Ok(Exit::Well)
}

async fn change(
    global: &Global,
    tenant: &Tenant,
    name: &str,
    target: &str,
    add: bool,
) -> Result<Exit, Failure> {
    indexed(tenant).await?;
    // What is an id of the archive is meant as one; everything else is a query.
    let id = match tenant.resolve(target).await {
        Ok(id) => match tenant.show(&id).await {
            Ok(_) => Some(id),
            Err(StoreError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        },
        Err(StoreError::NotFound(_) | StoreError::Invalid(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let done = match id {
        Some(id) => apply(tenant, name, Tagging::Copies(&[id]), add).await?,
        None => {
            let query = query(target)?;
            apply(
                tenant,
                name,
                Tagging::Found(&query, &Scope::Everything),
                add,
            )
            .await?
        }
    };
    if global.json {
        object(&json!({"summary": true, "messages": done.messages, "changed": done.changed}))?;
    } else {
        line(format!(
            "{} messages, {} {}.",
            count(done.messages),
            count(done.changed),
            if add {
                "newly tagged"
            } else {
                "tagged no more"
            }
        ))?;
    }
    Ok(Exit::Well)
}

async fn apply(
    tenant: &Tenant,
    name: &str,
    which: Tagging<'_>,
    add: bool,
) -> Result<Tagged, StoreError> {
    match add {
        true => tenant.add_tag(name, which).await,
        false => tenant.remove_tag(name, which).await,
    }
}
