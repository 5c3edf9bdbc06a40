//! `everpost up`: everything on this machine, from nothing.

use everpost_domain::access::{Role, Roles};
use everpost_mail::import::{ImportOptions, Source, import};
use everpost_node::stop::Stop;
use everpost_node::telemetry;
use everpost_service::password;
use everpost_store::{NewAccount, NewCase, Tenant};
use serde_json::json;

use super::service::{options, serve};
use super::{instant, open};
use crate::cli::{Global, UpCommand};
use crate::failure::{Exit, Failure};
use crate::output::{count, line, object};

/// Whose mail the demo's user reads: somebody in the middle of its stories.
const DEMO_USER: &str = "johan.akerblom";

pub(crate) async fn run(global: &Global, command: UpCommand) -> Result<Exit, Failure> {
    telemetry::start(command.service.log_json);
    let stop = Stop::default();
    stop.on_signals()?;
    let options = options(global, &command.service)?;
    let (store, tenant) = open(global, true).await?;
    let filled = tenant.status().await?.copies > 0;
    if command.demo && !filled {
        let source = Source::Demo {
            seed: 7,
            messages: command.messages,
        };
        let options = ImportOptions::new("");
        let report = tokio::select! {
            () = stop.wait() => return Ok(Exit::Well),
            report = import(&tenant, &source, &options, |_| ()) => report?,
        };
        if !global.json {
            let seen = count(report.counts.seen);
            line(format!(
                "A generated organization was imported: {seen} messages."
            ))?;
        }
    }
    if tenant.accounts().await?.is_empty() {
        make(global, &tenant, &command.admin, &[Role::Admin], &[]).await?;
        if command.demo {
            demo_accounts(global, &tenant).await?;
        }
    }
    serve(global, store, &tenant, options, stop).await
}

/// People to look at the demo with: one who reads their own mail, and one with a case.
async fn demo_accounts(global: &Global, tenant: &Tenant) -> Result<(), Failure> {
    let mailboxes: Vec<String> = tenant
        .usage()
        .await?
        .into_iter()
        .map(|usage| usage.name)
        .collect();
    let known = mailboxes.iter().find(|one| one.starts_with(DEMO_USER));
    let Some(user) = known.or(mailboxes.first()) else {
        return Ok(());
    };
    make(global, tenant, user, &[Role::User], &[user]).await?;
    let domain = user.split_once('@').map_or("example", |(_, domain)| domain);
    let officer = format!("compliance@{domain}");
    make(global, tenant, &officer, &[Role::Officer], &[]).await?;
    let officer = tenant.account(&officer).await?;
    let case = NewCase {
        name: "Demo".into(),
        reason: "to look at the generated organization".into(),
        people: mailboxes,
        reviewers: Vec::new(),
        since: instant("2000-01-01")?.saturating_mul(1_000_000),
        until: instant("2100-01-01")?.saturating_mul(1_000_000),
    };
    tenant.open_case(&case, &officer, "operator").await?;
    Ok(())
}

/// Makes an account with a password that is printed now and kept nowhere.
async fn make(
    global: &Global,
    tenant: &Tenant,
    address: &str,
    roles: &[Role],
    owns: &[&String],
) -> Result<(), Failure> {
    let unfit = |error: password::Unfit| Failure::usage(error.to_string(), "try again");
    let password = password::generate().map_err(unfit)?;
    let new = NewAccount {
        address: address.into(),
        name: String::new(),
        roles: roles.iter().copied().collect::<Roles>(),
        owns: owns.iter().map(|one| (*one).clone()).collect(),
        password_hash: password::hash(&password).map_err(unfit)?,
    };
    let made = tenant.add_account(&new, "operator").await?;
    let roles: Vec<&str> = roles.iter().copied().map(Role::name).collect();
    match global.json {
        true => object(&json!({"account": made.address, "roles": roles, "password": password})),
        false => line(format!(
            "Account {} ({}), password (shown once): {password}",
            made.address,
            roles.join(", ")
        )),
    }
}
