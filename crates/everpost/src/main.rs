//! The everpost program: one command line for every role and task.

mod cli;
mod commands;
mod examples;
mod failure;
mod output;

use clap::Parser;

use cli::{Cli, Command};
use failure::{Exit, Failure};

/// Not the system's, whose memory only grows while an import's threads free what others
/// allocated. Its settings are in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    // Before there is a second thread: the limits hold for the thread that asks for them.
    if let Command::ExtractWorker { memory } = cli.command {
        return match everpost_extract::work(memory.saturating_mul(1 << 20)) {
            Ok(()) => std::process::ExitCode::SUCCESS,
            Err(error) => failure::print(&Failure::from(anyhow::Error::from(error)), cli.json),
        };
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failure::print(&Failure::from(anyhow::Error::from(error)), cli.json),
    };
    let json = cli.json;
    match runtime.block_on(run(cli)) {
        Ok(exit) => exit.code(),
        Err(error) => failure::print(&error, json),
    }
}

/// Names every command once.
async fn run(cli: Cli) -> Result<Exit, Failure> {
    let global = cli.global()?;
    match cli.command {
        Command::Import(command) => commands::import::run(&global, command).await,
        Command::Search(command) => commands::search::run(&global, command).await,
        Command::Show(command) => commands::show::run(&global, command).await,
        Command::Tag(command) => commands::tag::run(&global, command).await,
        Command::Group(command) => commands::group::run(&global, command).await,
        Command::Queue(command) => commands::relay::queue(&global, command).await,
        Command::Domain(command) => commands::relay::domain(&global, command).await,
        Command::Recipient(command) => commands::relay::recipient(&global, command).await,
        Command::Continuity(command) => commands::relay::continuity(&global, command).await,
        Command::Enrol(command) => commands::device::enrol(&global, command).await,
        Command::Device(command) => commands::device::device(&global, command).await,
        Command::Export(command) => commands::export::run(&global, command).await,
        Command::Status(command) => commands::status::run(&global, command).await,
        Command::Backup(command) => commands::backup::run(&global, command).await,
        Command::Migrate(command) => commands::migrate::run(&global, command).await,
        Command::Key(command) => commands::key::run(&global, command).await,
        Command::Extract(command) => commands::extract::run(&global, command).await,
        Command::Reindex => commands::status::reindex(&global).await,
        Command::Verify(command) => commands::verify::run(&global, command).await,
        Command::Fsck(command) => commands::fsck::run(&global, command).await,
        Command::Compact(command) => commands::compact::run(&global, command).await,
        Command::Class(command) => commands::class::run(&global, command).await,
        Command::Log(command) => commands::verify::log(&global, command).await,
        Command::Agent(command) => commands::agent::agent(&global, command).await,
        Command::Service(command) => commands::service::run(&global, command).await,
        Command::Up(command) => commands::up::run(&global, command).await,
        Command::Tenant(command) => commands::tenant::run(&global, command).await,
        Command::User(command) => commands::user::run(&global, command).await,
        Command::Token(command) => commands::token::run(&global, command).await,
        Command::Case(command) => commands::case::run(&global, command).await,
        Command::Capture(command) => commands::capture::run(&global, &command).await,
        Command::Alerts(command) => commands::alerts::run(&global, &command).await,
        Command::Dkim(command) => commands::dkim::run(&global, &command),
        Command::Config(command) => commands::config::run(&global, &command),
        Command::Doctor(command) => commands::doctor::run(&global, command).await,
        Command::Bench(command) => commands::bench::run(&global, command).await,
        Command::ExtractWorker { .. } => Ok(Exit::Well),
    }
}
