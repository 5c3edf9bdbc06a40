//! What every role needs to run and to be reached: configuration, listeners, certificates,
//! logs, the ready file, the signal to stop. It knows nothing of mail.

pub mod acme;
pub mod ca;
pub mod certificate;
pub mod config;
pub mod dns;
pub mod doctor;
pub mod keeper;
pub mod listen;
pub mod ready;
pub mod shown;
pub mod stop;
pub mod telemetry;

use std::path::{Path, PathBuf};

/// What keeps a role from running.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
    /// A listener cannot be opened.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address asked for.
        address: String,
        /// Why.
        error: std::io::Error,
    },
    /// A certificate or its key cannot be made or used.
    #[error("certificate: {0}")]
    Certificate(String),
    /// An authority gives no certificate.
    #[error("ACME: {what}")]
    Acme {
        /// What went wrong.
        what: String,
        /// What a person can do about it.
        hint: &'static str,
    },
}

impl NodeError {
    /// The stable code printed as `error[CODE]`.
    pub fn code(&self) -> &'static str {
        match self {
            NodeError::File { .. } => "E-FILE",
            NodeError::Config(_) => "E-CONFIG",
            NodeError::Listen { .. } => "E-LISTEN",
            NodeError::Certificate(_) => "E-CERTIFICATE",
            NodeError::Acme { .. } => "E-ACME",
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            NodeError::File { .. } => "",
            NodeError::Config(_) => "correct the configuration file or the option",
            NodeError::Listen { .. } => "choose another address; port 0 takes any that is free",
            NodeError::Certificate(_) => {
                "give a certificate chain and its key in PEM, or neither, for one of our own"
            }
            NodeError::Acme { hint, .. } => hint,
        }
    }

    fn file(path: &Path, error: std::io::Error) -> Self {
        NodeError::File {
            path: path.into(),
            error,
        }
    }
}

/// `path` with `ending` added to its last name: what lies beside a data directory.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
