//! `everpost case`.

use everpost_domain::access::Role;
use everpost_store::{Case, NewCase};
use serde_json::json;

use super::user::ACTOR;
use super::{instant, open, time};
use crate::cli::{CaseCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

pub(crate) async fn run(global: &Global, command: CaseCommand) -> Result<Exit, Failure> {
    let (store, tenant) = open(global, false).await?;
    match command {
        CaseCommand::Open {
            name,
            reason,
            officer,
            person,
            reviewer,
            from,
            to,
        } => {
            let officer = tenant.account(&officer).await?;
            if !officer.roles.has(Role::Officer) || officer.disabled {
                return Err(Failure::usage(
                    format!("{} is no compliance officer", officer.address),
                    "name an account with the role officer",
                ));
            }
            let new = NewCase {
                name,
                reason,
                people: person,
                reviewers: reviewer,
                since: instant(&from)?.saturating_mul(1_000_000),
                until: instant(&to)?.saturating_mul(1_000_000),
            };
            show(global, &tenant.open_case(&new, &officer, ACTOR).await?)?;
        }
        CaseCommand::List => {
            for case in tenant.cases().await? {
                show(global, &case)?;
            }
        }
        CaseCommand::Close { id } => show(global, &tenant.close_case(id, ACTOR).await?)?,
    }
    tenant.advance_log().await?;
    store.close().await?;
    Ok(Exit::Well)
}

fn show(global: &Global, case: &Case) -> Result<(), Failure> {
    let closed = (case.closed != 0).then(|| time(case.closed));
    if global.json {
        return object(&json!({
            "id": case.id, "name": case.name, "reason": case.reason, "people": case.people,
            "from": time(case.since), "to": time(case.until), "opened": time(case.opened),
            "closed": closed,
        }));
    }
    let state = closed.map_or("open".into(), |closed| format!("closed {closed}"));
    line(plain(&format!("{:>4}  {}  ({state})", case.id, case.name)))?;
    line(plain(&format!("      {}", case.reason)))?;
    line(plain(&format!(
        "      {} from {} to {}",
        case.people.join(", "),
        time(case.since),
        time(case.until)
    )))
}
