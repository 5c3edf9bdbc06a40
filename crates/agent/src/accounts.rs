//! Whose mail this agent keeps flowing, and what it needs to know for that. All of it is sealed in the agent's own archive.

use everpost_codec::link::Code;
use everpost_codec::smtp::Secret;
use everpost_codec::smtp::client::Login;
use everpost_mail::relay::{Submission, TlsPolicy, Trust as MailTrust};
use everpost_mail::sync::SyncOptions;
use everpost_mail::upstream::{self, Proof, Tls};
use everpost_store::{Notes, StoreError, Tenant};
use rustls::RootCertStore;
use serde::{Deserialize, Serialize};

use crate::AgentError;
use crate::link::{DeviceKey, Enrolled, LinkClient, Trust, random};

/// The kind of notes that accounts are.
const ACCOUNTS: i64 = 1;

/// What is written down of an account, each under a kind of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Where it is with following the service.
    Agent = 0,
    /// Mail that waits to be sent, by number.
    Outbox = 1,
    /// The highest number of the outbox.
    Numbers = 2,
    /// How far the standby mailbox was pulled.
    Marks = 3,
}

impl Kind {
    pub(crate) fn of(self, account: i64) -> i64 {
        account * 16 + self as i64
    }
}

/// How a connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protection {
    /// TLS from the first byte (IMAP only).
    Tls,
    /// TLS by STARTTLS, without which nothing is said.
    StartTls,
    /// None: on this machine alone.
    None,
}

/// A server of the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAt {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
}

/// What a person says of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whose mail: an address.
    pub address: String,
    /// The user's name at the mail server.
    pub user: String,
    /// Where the mail lies.
    pub imap: ServerAt,
    /// Where mail is sent.
    pub smtp: ServerAt,
    /// The service: `https://HOST:PORT`.
    pub service: String,
    /// Its certificates and the mail server's, PEM, where the machine does not trust them.
    pub ca: Option<String>,
    /// Mail of so many days is kept here with its bytes; `None`: all.
    pub window_days: Option<u32>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    settings: Settings,
    /// At the mail server. It never leaves this machine but to there.
    password: String,
    /// What mail programs on this machine sign in with.
    local: String,
    /// The device's key, PKCS#8 in hexadecimal digits.
    key: String,
    enrolled: Option<Enrolled>,
}

/// An account.
#[derive(Clone)]
pub struct Account {
    /// Its number in this agent.
    pub number: i64,
    kept: Kept,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).filter_map(pair).collect()
}

/// Every account of an agent.
pub async fn accounts(tenant: &Tenant) -> Result<Vec<Account>, StoreError> {
    let all = tenant.notes::<Kept>(ACCOUNTS).await?.into_iter();
    let all = all.map(|(number, kept)| Account { number, kept });
    Ok(all.collect())
}

/// Adds an account, or gives one that is there other settings; comes to the service with a code, if there is one. What was
/// begun and not answered is gone on with by saying it again.
///
/// # Errors
/// Where the service does not take the code, or there is neither a code nor an enrolment.
pub async fn add(
    tenant: &Tenant,
    settings: Settings,
    password: Option<String>,
    code: Option<&str>,
    device: &str,
) -> Result<Account, AgentError> {
    let all = accounts(tenant).await?;
    let known = all
        .iter()
        .find(|account| account.kept.settings.address == settings.address);
    let next = all.iter().map(|account| account.number).max().unwrap_or(0) + 1;
    let mut account = match known {
        Some(known) => known.clone(),
        None => Account {
            number: next,
            kept: Kept {
                settings: settings.clone(),
                password: String::new(),
                local: hex(&random::<16>()?),
                key: hex(DeviceKey::generate()?.reveal()),
                enrolled: None,
            },
        },
    };
    account.kept.settings = settings;
    if let Some(password) = password {
        account.kept.password = password;
    }
    account.write(tenant).await?;
    if let Some(code) = code {
        let code =
            Code::parse(code).ok_or_else(|| AgentError::Settings("that is no code".into()))?;
        let trust = account.link_trust();
        let version = env!("CARGO_PKG_VERSION");
        let base = &account.kept.settings.service;
        let key = account.key()?;
        let enrolled = Enrolled::enrol(base, &trust, &key, &code, device, version).await?;
        if !enrolled
            .address
            .eq_ignore_ascii_case(&account.kept.settings.address)
        {
            return Err(AgentError::Settings(format!(
                "the code is for {}",
                enrolled.address
            )));
        }
        account.kept.enrolled = Some(enrolled);
        account.write(tenant).await?;
    }
    match account.kept.enrolled {
        Some(_) => Ok(account),
        None => Err(AgentError::Settings(
            "the service does not know this device yet: a code is needed".into(),
        )),
    }
}

impl Account {
    async fn write(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let notes = Notes::new().put(ACCOUNTS, self.number, &self.kept);
        tenant.write_notes(notes).await
    }

    /// What was said of it.
    pub fn settings(&self) -> &Settings {
        &self.kept.settings
    }

    /// What mail programs on this machine sign in with.
    pub fn local_password(&self) -> &str {
        &self.kept.local
    }

    /// The device's id at the service, if it was enrolled.
    pub fn device(&self) -> Option<&str> {
        let enrolled = self.kept.enrolled.as_ref()?;
        Some(&enrolled.device)
    }

    /// All addresses that the user may send as.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let mut all = vec![self.kept.settings.address.clone()];
        if let Some(enrolled) = &self.kept.enrolled {
            all.extend(enrolled.addresses.iter().cloned());
        }
        all
    }

    fn key(&self) -> Result<DeviceKey, AgentError> {
        Ok(DeviceKey::from_bytes(&unhex(&self.kept.key))?)
    }

    fn link_trust(&self) -> Trust {
        match &self.kept.settings.ca {
            Some(pem) => Trust::Only(pem.clone().into_bytes()),
            None => Trust::Machine,
        }
    }

    pub(crate) fn link(&self) -> Result<LinkClient, AgentError> {
        let enrolled = self.kept.enrolled.clone();
        let enrolled = enrolled.ok_or_else(|| AgentError::Settings("not enrolled".into()))?;
        let base = &self.kept.settings.service;
        Ok(LinkClient::new(
            base,
            &self.link_trust(),
            self.key()?,
            enrolled,
        )?)
    }

    fn roots(&self) -> RootCertStore {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let mut roots = RootCertStore::empty();
        match &self.kept.settings.ca {
            Some(pem) => {
                let all = CertificateDer::pem_slice_iter(pem.as_bytes());
                roots.add_parsable_certificates(all.flatten());
            }
            None => {
                let native = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(native.certs);
            }
        }
        roots
    }

    pub(crate) fn imap(&self) -> upstream::Account {
        let at = &self.kept.settings.imap;
        let tls = match at.protection {
            Protection::Tls => Tls::Implicit,
            Protection::StartTls => Tls::StartTls,
            Protection::None => Tls::None,
        };
        let proof = Proof::Password(Secret::new(&self.kept.password));
        let user = self.kept.settings.user.as_str();
        upstream::Account::new((&at.host, at.port), tls, self.roots(), (user, proof))
    }

    pub(crate) fn submission(&self) -> Result<Submission, AgentError> {
        let settings = &self.kept.settings;
        let policy = match settings.smtp.protection {
            Protection::None => TlsPolicy::Opportunistic,
            _ => TlsPolicy::Verified,
        };
        let trust = MailTrust::new(policy, self.roots());
        Ok(Submission {
            host: settings.smtp.host.clone(),
            port: settings.smtp.port,
            hostname: "everpost.agent".into(),
            trust: trust.map_err(|error| AgentError::Settings(error.to_string()))?,
            login: (!self.kept.password.is_empty()).then(|| Login {
                user: settings.user.clone(),
                password: Secret::new(&self.kept.password),
            }),
        })
    }

    pub(crate) fn sync_options(&self) -> SyncOptions {
        SyncOptions {
            window_days: self.kept.settings.window_days,
            ..SyncOptions::default()
        }
    }
}
