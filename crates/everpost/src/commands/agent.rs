//! `everpost agent`: runs beside a mail program, and is told whose mail it keeps flowing.

use everpost_agent::{
    Account, AgentError, AgentOptions, Protection, ServerAt, Settings, accounts, add,
};
use everpost_node::config::Listen;
use everpost_node::ready::Ready;
use everpost_node::stop::Stop;
use everpost_node::telemetry;
use serde_json::json;

use super::open;
use crate::cli::{AgentAdd, AgentCommand, AgentOrder, AgentRun, AgentTls, Global};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

/// Where to listen if nobody says.
const DEFAULT: [&str; 3] = [
    "imap=127.0.0.1:1143",
    "submission=127.0.0.1:1587",
    "http=127.0.0.1:8025",
];

pub(crate) async fn agent(global: &Global, command: AgentCommand) -> Result<Exit, Failure> {
    match command.order {
        None => run(global, command.run).await,
        Some(AgentOrder::Add(order)) => add_account(global, *order).await,
        Some(AgentOrder::Show) => show(global).await,
        Some(AgentOrder::Unit) => unit(global),
    }
}

async fn run(global: &Global, command: AgentRun) -> Result<Exit, Failure> {
    telemetry::start(command.log_json);
    let stop = Stop::default();
    stop.on_signals()?;
    let default = DEFAULT.map(str::to_owned);
    let given = match command.listen.as_slice() {
        [] => default.as_slice(),
        given => given,
    };
    let listen = given.iter().map(|text| text.parse());
    let options = AgentOptions {
        config: global.config.clone(),
        listen: listen.collect::<Result<Vec<Listen>, _>>()?,
        ready_file: command.ready_file,
    };
    let (store, tenant) = open(global, false).await?;
    let started = |ready: &Ready| {
        // Whether anybody reads it or not, the agent runs.
        super::service::show(global, ready).ok();
    };
    let done = everpost_agent::run(&store, &tenant, options, stop, started).await;
    drop(tenant);
    store.close().await?;
    done?;
    Ok(Exit::Well)
}

fn server(text: &str, tls: AgentTls, ports: (u16, u16)) -> Result<ServerAt, Failure> {
    let port = match tls {
        AgentTls::Tls => ports.0,
        _ => ports.1,
    };
    let wrong = || Failure::usage(format!("`{text}` is no server"), "HOST or HOST:PORT");
    let (host, port) = match text.rsplit_once(':') {
        Some((host, given)) => (host, given.parse().map_err(|_| wrong())?),
        None => (text, port),
    };
    if host.is_empty() {
        return Err(wrong());
    }
    Ok(ServerAt {
        host: host.to_owned(),
        port,
        protection: match tls {
            AgentTls::Tls => Protection::Tls,
            AgentTls::Starttls => Protection::StartTls,
            AgentTls::None => Protection::None,
        },
    })
}

async fn add_account(global: &Global, order: AgentAdd) -> Result<Exit, Failure> {
    if order.smtp_tls == AgentTls::Tls {
        return Err(Failure::usage(
            "submission with TLS from the first byte is not there yet",
            "use --smtp-tls starttls, port 587",
        ));
    }
    let password = match order.password_stdin {
        true => {
            let mut text = String::new();
            std::io::stdin().read_line(&mut text)?;
            Some(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        false => None,
    };
    let ca = match &order.ca {
        Some(path) => Some(std::fs::read_to_string(path)?),
        None => None,
    };
    let settings = Settings {
        user: order.user.unwrap_or_else(|| order.address.clone()),
        address: order.address.trim().to_lowercase(),
        imap: server(&order.imap, order.imap_tls, (993, 143))?,
        smtp: server(&order.smtp, order.smtp_tls, (465, 587))?,
        service: order.service.trim_end_matches('/').to_owned(),
        ca,
        window_days: order.window,
    };
    let (store, tenant) = open(global, true).await?;
    let code = order.code.as_deref();
    let added = add(&tenant, settings, password, code, &order.device).await;
    drop(tenant);
    store.close().await?;
    tell(global, &added?)?;
    Ok(Exit::Well)
}

fn tell(global: &Global, account: &Account) -> Result<(), Failure> {
    let settings = account.settings();
    if global.json {
        return object(&json!({
            "address": settings.address,
            "device": account.device(),
            "password": account.local_password(),
            "imap": format!("{}:{}", settings.imap.host, settings.imap.port),
            "smtp": format!("{}:{}", settings.smtp.host, settings.smtp.port),
            "service": settings.service,
        }));
    }
    line(plain(&settings.address).to_string())?;
    line(format!(
        "  device         {}",
        account.device().unwrap_or("not enrolled")
    ))?;
    line(format!(
        "  mail server    {}:{}",
        plain(&settings.imap.host),
        settings.imap.port
    ))?;
    line(format!("  service        {}", plain(&settings.service)))?;
    line(
        "  mail program   IMAP and SMTP at 127.0.0.1, where `everpost agent` says; no encryption; normal password",
    )?;
    line(format!("  its password   {}", account.local_password()))
}

async fn show(global: &Global) -> Result<Exit, Failure> {
    let (store, tenant) = open(global, false).await?;
    let all = accounts(&tenant).await;
    drop(tenant);
    store.close().await?;
    let all = all?;
    for account in &all {
        tell(global, account)?;
    }
    if global.json {
        object(&json!({"summary": true, "accounts": all.len()}))?;
    }
    Ok(Exit::Well)
}

fn unit(global: &Global) -> Result<Exit, Failure> {
    let program = std::env::current_exe()?;
    // systemd starts it somewhere else.
    let data = std::path::absolute(global.place())?;
    line(format!(
        "# ~/.config/systemd/user/everpost-agent.service
[Unit]
Description=Everpost agent: mail that goes on when the mail server does not

[Service]
ExecStart=\"{}\" agent --data \"{}\"
Restart=always
RestartSec=2
NoNewPrivileges=yes
PrivateTmp=yes

[Install]
WantedBy=default.target",
        program.display(),
        data.display(),
    ))?;
    Ok(Exit::Well)
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Node(error) => error.into(),
            AgentError::Store(error) => error.into(),
            AgentError::Link(error) => Failure::new(
                "E-LINK",
                error.to_string(),
                "is the service there, its certificate trusted (--ca), the code right?",
            ),
            AgentError::Settings(what) => Failure::usage(what, "see `everpost agent --help`"),
        }
    }
}
