//! One file a command: parse what was asked, ask the store, print the answer.

pub(crate) mod agent;
pub(crate) mod alerts;
mod authenticity;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod bench_search;
pub(crate) mod capture;
pub(crate) mod case;
pub(crate) mod class;
pub(crate) mod compact;
pub(crate) mod config;
pub(crate) mod device;
pub(crate) mod dkim;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod extract;
pub(crate) mod fsck;
pub(crate) mod group;
pub(crate) mod import;
pub(crate) mod key;
pub(crate) mod migrate;
pub(crate) mod relay;
pub(crate) mod remote;
pub(crate) mod search;
pub(crate) mod service;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod tag;
pub(crate) mod tenant;
pub(crate) mod token;
pub(crate) mod up;
pub(crate) mod user;
pub(crate) mod verify;

use everpost_store::{Address, Cluster, KeySource, Options, RecoveryKey, Store, Tenant};

use crate::cli::Global;
use crate::failure::Failure;

/// How to open the store that the command line names.
pub(crate) fn options(global: &Global) -> Result<Options, Failure> {
    let mut options = Options::new(&global.data);
    options.disk_cache = global.config.store.cache_bytes;
    options.key = global.key.as_deref().map(KeySource::parse);
    if let Some((catalog, objects)) = &global.cluster {
        options.address = Address::Cluster(Box::new(Cluster::parse(catalog, objects)?));
    }
    Ok(options)
}

/// Opens the store and the tenant; makes both if `create` says so.
pub(crate) async fn open(global: &Global, create: bool) -> Result<(Store, Tenant), Failure> {
    let mut options = options(global)?;
    options.create = create;
    let opened = Store::open(options).await?;
    if let Some(recovery) = &opened.recovery {
        show_new_key(
            global,
            recovery,
            &format!("A new archive was made in {}.", global.place()),
        );
    }
    let tenant = opened.store.tenant(global.tenant.as_deref())?;
    Ok((opened.store, tenant))
}

/// Brings the index up to date, so that what an interrupted import left is found all the
/// same. Where the index cannot move (a full disk, say), what it has is searched, and what is
/// missing is said and counted.
pub(crate) async fn indexed(tenant: &Tenant) -> Result<u64, Failure> {
    let Err(error) = tenant.advance_index(true).await else {
        return Ok(0);
    };
    eprintln!(
        "warning[{}]: the index could not be brought up to date: {error}",
        error.code()
    );
    let progress = tenant.index_progress().await?;
    Ok(progress.events.saturating_sub(progress.indexed))
}

/// Shows the first recovery key of what was `made`.
pub(crate) fn show_new_key(global: &Global, recovery: &RecoveryKey, made: &str) {
    let keep = "Recovery key (shown once; write it down and keep it away from this machine):";
    show_recovery_key(global, recovery, &format!("{made}\n{keep}"));
}

/// The one time a recovery key is shown, after `words` for people. It goes to standard error, so
/// that it is seen even when the output is a file or a program.
pub(crate) fn show_recovery_key(global: &Global, recovery: &RecoveryKey, words: &str) {
    let key = recovery.display();
    match global.json {
        true => eprintln!("{}", serde_json::json!({ "recovery_key": key })),
        false => eprintln!("{words}\n\n    {key}\n"),
    }
}

/// A date of the command line as seconds since 1970: a day (its beginning, UTC) or an instant.
pub(crate) fn instant(text: &str) -> Result<i64, Failure> {
    let bound = everpost_domain::query::parse(&format!("sent:{text}")).ok();
    let from = bound.and_then(|query| match query {
        everpost_domain::query::Query::Test(everpost_domain::query::Test::Sent {
            from: Some(from),
            ..
        }) => Some(from),
        _ => None,
    });
    from.ok_or_else(|| {
        Failure::usage(
            format!("`{text}` is not a date"),
            "write 2024-01-31 or 2024-01-31T08:00:00Z",
        )
    })
}

/// µs since 1970 as RFC 3339.
pub(crate) fn time(us: i64) -> String {
    everpost_domain::message::format_rfc3339(us.div_euclid(1_000_000))
}
