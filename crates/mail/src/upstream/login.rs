//! Connecting: TCP, TLS, greeting, login, and what the server can do.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everpost_codec::imap::client::{Answer, Code, Kind, Request, Status};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::account::{Account, Proof, Tls};
use super::capabilities::Capabilities;
use super::connection::{Connection, Duplex, Happening};
use super::trouble::{Refusal, Trouble, agreed};

/// A connection on which a user is logged in.
pub(super) struct Entered {
    pub(super) connection: Connection,
    pub(super) capabilities: Capabilities,
}

fn unreachable(why: impl std::fmt::Display) -> Trouble {
    Trouble::Unreachable(why.to_string())
}

async fn tcp(account: &Account) -> Result<TcpStream, Trouble> {
    let patience = account.patience.connect;
    let looked_up = tokio::net::lookup_host((account.host.as_str(), account.port));
    let addresses: Vec<SocketAddr> = match timeout(patience, looked_up).await {
        Ok(found) => found.map_err(unreachable)?.collect(),
        Err(_) => return Err(unreachable("its name could not be looked up in time")),
    };
    let mut last = unreachable("it has no address");
    // Those of a name may be of two families, of which one leads nowhere.
    for address in addresses.into_iter().take(8) {
        match timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).ok();
                return Ok(stream);
            }
            Ok(Err(error)) => last = unreachable(format_args!("{address}: {error}")),
            Err(_) => last = unreachable(format_args!("{address}: no answer")),
        }
    }
    Err(last)
}

async fn shake_hands(
    account: &Account,
    stream: Box<dyn Duplex>,
) -> Result<Box<dyn Duplex>, Trouble> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unreachable)?
        .with_root_certificates(account.roots.clone())
        .with_no_client_auth();
    let name = ServerName::try_from(account.host.clone()).map_err(unreachable)?;
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream);
    match timeout(account.patience.connect, shaken).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(unreachable(format_args!("TLS: {error}"))),
        Err(_) => Err(unreachable("TLS: no answer")),
    }
}

async fn greeting(connection: &mut Connection) -> Result<Status, Trouble> {
    let patience = connection.patience();
    let deadline = connection.deadline();
    match connection.step(patience.silence, deadline).await? {
        Happening::Greeting(status) if status.kind == Kind::Bye => Err(Trouble::Away(status.text)),
        Happening::Greeting(status) => Ok(status),
        _ => Err(Trouble::Nonsense("it did not greet".to_owned())),
    }
}

/// Connects and logs in.
pub(super) async fn enter(account: &Account) -> Result<Entered, Trouble> {
    let mut stream: Box<dyn Duplex> = Box::new(tcp(account).await?);
    if account.tls == Tls::Implicit {
        stream = shake_hands(account, stream).await?;
    }
    let mut connection = Connection::new(stream, account.patience);
    let mut greeted = greeting(&mut connection).await?;
    if account.tls == Tls::StartTls {
        if greeted.kind == Kind::Preauth {
            return Err(Trouble::Nonsense("it let us in before TLS".to_owned()));
        }
        let status = connection
            .exchange(Request::new("STARTTLS"), &mut |_| {})
            .await?;
        agreed(status).map_err(|no| unreachable(format_args!("no STARTTLS: {no}")))?;
        let stream = connection.into_stream();
        let stream = stream.ok_or_else(|| Trouble::Nonsense("it went on before TLS".to_owned()))?;
        // What it was said to be able to do before may have been said by somebody else.
        connection = Connection::new(shake_hands(account, stream).await?, account.patience);
        connection.client.tls_started();
        greeted.code = None;
    }
    let said = match greeted.code {
        Some(Code::Capabilities(words)) => words,
        _ => ask(&mut connection).await?,
    };
    let before = Capabilities::new(said, &account.ignored);
    let mut said = None;
    if greeted.kind != Kind::Preauth {
        connection.client.literal_plus = before.literal_plus();
        said = log_in(&mut connection, account, &before).await?;
    }
    let said = match said {
        Some(words) => words,
        None => ask(&mut connection).await?,
    };
    let capabilities = Capabilities::new(said, &account.ignored);
    connection.client.literal_plus = capabilities.literal_plus();
    Ok(Entered {
        connection,
        capabilities,
    })
}

async fn ask(connection: &mut Connection) -> Result<Vec<String>, Trouble> {
    let mut said = Vec::new();
    let mut ear = |answer| {
        if let Answer::Capabilities(words) = answer {
            said = words;
        }
    };
    let status = connection
        .exchange(Request::new("CAPABILITY"), &mut ear)
        .await?;
    agreed(status).map_err(Trouble::Refused)?;
    Ok(said)
}

/// What is said to prove who the user is.
enum Way {
    /// AUTHENTICATE, with these answers; the first may go with the command.
    Authenticate(&'static str, Vec<String>),
    Login,
}

fn way(account: &Account, capabilities: &Capabilities) -> Result<Way, Trouble> {
    let has = |mechanism: &str| capabilities.has(&format!("AUTH={mechanism}"));
    let no = |text: &str| Err(Trouble::LoginRefused(Refusal::ours(text)));
    let user = &account.user;
    match &account.proof {
        Proof::Password(password) => {
            let password = password.reveal();
            if has("PLAIN") && !user.contains('\0') && !password.contains('\0') {
                let answer = STANDARD.encode(format!("\0{user}\0{password}"));
                return Ok(Way::Authenticate("PLAIN", vec![answer]));
            }
            if !capabilities.has("LOGINDISABLED") {
                return Ok(Way::Login);
            }
            match has("LOGIN") {
                true => {
                    let answers = vec![STANDARD.encode(user), STANDARD.encode(password)];
                    Ok(Way::Authenticate("LOGIN", answers))
                }
                false => no("it takes no password"),
            }
        }
        Proof::Token(token) => {
            let token = token.reveal();
            if has("OAUTHBEARER") {
                let name = user.replace('=', "=3D").replace(',', "=2C");
                let answer = format!("n,a={name},\x01auth=Bearer {token}\x01\x01");
                return Ok(Way::Authenticate(
                    "OAUTHBEARER",
                    vec![STANDARD.encode(answer)],
                ));
            }
            match has("XOAUTH2") {
                true => {
                    let answer = format!("user={user}\x01auth=Bearer {token}\x01\x01");
                    Ok(Way::Authenticate("XOAUTH2", vec![STANDARD.encode(answer)]))
                }
                false => no("it takes no tokens"),
            }
        }
    }
}

/// Logs in. What the server can do from then on, if it says so by itself.
async fn log_in(
    connection: &mut Connection,
    account: &Account,
    capabilities: &Capabilities,
) -> Result<Option<Vec<String>>, Trouble> {
    let mut said = None;
    let status = match way(account, capabilities)? {
        Way::Login => {
            let Proof::Password(password) = &account.proof else {
                return Ok(None);
            };
            let request = Request::new("LOGIN")
                .string(account.user.as_bytes())
                .and_then(|request| request.string(password.reveal().as_bytes()))
                .map_err(|error| Trouble::LoginRefused(Refusal::ours(&error.to_string())))?;
            let mut ear = |answer| {
                if let Answer::Capabilities(words) = answer {
                    said = Some(words);
                }
            };
            connection.exchange(request, &mut ear).await?
        }
        Way::Authenticate(mechanism, answers) => {
            let mut answers = answers.into_iter();
            let mut request = Request::new("AUTHENTICATE").word(mechanism).talking();
            if capabilities.has("SASL-IR") && mechanism != "LOGIN" {
                request = request.word(&answers.next().unwrap_or_default());
            }
            connection.begin(request)?;
            let (patience, deadline) = (connection.patience(), connection.deadline());
            loop {
                match connection.step(patience.silence, deadline).await? {
                    Happening::Challenge => {
                        // A challenge too many tells why a token was refused; it wants any answer before the no.
                        let last = if mechanism == "OAUTHBEARER" {
                            "AQ=="
                        } else {
                            ""
                        };
                        let answer = answers.next().unwrap_or_else(|| last.to_owned());
                        connection.client.reply(&answer).ok();
                    }
                    Happening::Answer(answer) => {
                        connection.note(&answer);
                        if let Answer::Capabilities(words) = answer {
                            said = Some(words);
                        }
                    }
                    Happening::Done(status) => break status,
                    _ => {}
                }
            }
        }
    };
    match agreed(status) {
        Ok(Some(Code::Capabilities(words))) => Ok(Some(words)),
        Ok(_) => Ok(said),
        Err(no) if no.is_busy() => Err(Trouble::Away(no.to_string())),
        Err(no) => Err(Trouble::LoginRefused(no)),
    }
}
