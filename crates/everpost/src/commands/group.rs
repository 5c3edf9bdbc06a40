//! `everpost group`.

use everpost_store::Group;
use serde_json::json;

use super::open;
use crate::cli::{Global, GroupCommand, GroupWhat};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

pub(crate) async fn run(global: &Global, command: GroupCommand) -> Result<Exit, Failure> {
    let (_store, tenant) = open(global, false).await?;
    let groups: Vec<Group> = match command.what {
        GroupWhat::Set { name, members } => vec![tenant.set_group(&name, &members).await?],
        GroupWhat::Remove { name } => {
            tenant.remove_group(&name).await?;
            Vec::new()
        }
        GroupWhat::List => tenant.groups().await?,
    };
    for group in &groups {
        match global.json {
            true => object(&json!({"name": group.name, "members": group.members}))?,
            false => line(plain(&format!(
                "{}: {}",
                group.name,
                group.members.join(", ")
            )))?,
        }
    }
    if global.json {
        object(&json!({"summary": true, "groups": groups.len()}))?;
    }
    Ok(Exit::Well)
}
