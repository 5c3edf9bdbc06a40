//! `everpost service`.

use everpost_extract::PoolOptions;
use everpost_node::config::Listen;
use everpost_node::ready::Ready;
use everpost_node::stop::Stop;
use everpost_node::telemetry;
use everpost_service::ServiceOptions;
use everpost_store::{Store, Tenant};

use super::open;
use crate::cli::{Global, ServiceCommand};
use crate::failure::{Exit, Failure};
use crate::output::{line, object};

/// Where to listen if nobody says.
const DEFAULT: &str = "https=127.0.0.1:8443";

pub(crate) async fn run(global: &Global, command: ServiceCommand) -> Result<Exit, Failure> {
    telemetry::start(command.log_json);
    // Before anything else: an order to stop must not meet a process that ignores it.
    let stop = Stop::default();
    stop.on_signals()?;
    let options = options(global, &command)?;
    let (store, tenant) = open(global, false).await?;
    serve(global, store, &tenant, options, stop).await
}

/// What the command line and the configuration file say.
pub(crate) fn options(
    global: &Global,
    command: &ServiceCommand,
) -> Result<ServiceOptions, Failure> {
    Ok(ServiceOptions {
        config: global.config.clone(),
        listen: listeners(global, &command.listen)?,
        ready_file: command.ready_file.clone(),
        readers: PoolOptions::new(std::env::current_exe()?),
    })
}

/// The listeners of the command line, else of the configuration file, else the one by default.
pub(crate) fn listeners(global: &Global, given: &[String]) -> Result<Vec<Listen>, Failure> {
    let default = [DEFAULT.to_string()];
    let listen = match (given, global.config.listen.as_slice()) {
        ([], []) => &default,
        ([], listen) => listen,
        (listen, _) => listen,
    };
    let listen = listen.iter().map(|text| text.parse());
    Ok(listen.collect::<Result<Vec<Listen>, _>>()?)
}

/// Runs the service until it is told to stop, and closes the archive.
pub(crate) async fn serve(
    global: &Global,
    store: Store,
    tenant: &Tenant,
    options: ServiceOptions,
    stop: Stop,
) -> Result<Exit, Failure> {
    let started = |ready: &Ready| {
        // Whether anybody reads it or not, the service runs.
        show(global, ready).ok();
    };
    let done = everpost_service::run(&store, tenant, options, stop, started).await;
    store.close().await?;
    done?;
    Ok(Exit::Well)
}

pub(super) fn show(global: &Global, ready: &Ready) -> Result<(), Failure> {
    if global.json {
        return object(&serde_json::to_value(ready).map_err(anyhow::Error::from)?);
    }
    for (name, address) in &ready.listeners {
        line(format!("Everpost answers at {name}://{address}/"))?;
    }
    if let Some(ca) = &ready.ca {
        line(format!("Certificate to trust: {}", ca.display()))?;
    }
    line("Ctrl-C stops it.")
}
