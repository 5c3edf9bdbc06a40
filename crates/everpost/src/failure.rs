//! How the program ends: exit codes and errors, as the command line promises them.

use std::borrow::Cow;
use std::process::ExitCode;

use everpost_mail::export::ExportError;
use everpost_mail::import::ImportError;
use everpost_node::NodeError;
use everpost_service::ServiceError;
use everpost_store::StoreError;

/// A run that did what it could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All well.
    Well = 0,
    /// The counts balance, but some item failed.
    SomeFailed = 3,
    /// The counts do not balance, or a verification failed.
    Wrong = 4,
    /// Consistent, but nobody vouched for the signer.
    SignerUnchecked = 5,
}

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// A run that could not go on.
pub(crate) struct Failure {
    code: Cow<'static, str>,
    what: String,
    hint: String,
    exit: u8,
}

impl Failure {
    /// The command line asks for something that makes no sense.
    pub(crate) fn usage(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure {
            code: "E-USAGE".into(),
            what: what.into(),
            hint: hint.into(),
            exit: 2,
        }
    }

    /// What happened, with a code of its own.
    pub(crate) fn new(code: &'static str, what: impl Into<String>, hint: &str) -> Self {
        Failure {
            code: code.into(),
            what: what.into(),
            hint: hint.into(),
            exit: 1,
        }
    }

    /// What happened, for a run that goes on without it.
    pub(crate) fn what(self) -> String {
        self.what
    }

    /// As a line for a run that goes on without it.
    pub(crate) fn warning(&self) -> String {
        format!("warning[{}]: {}; {}", self.code, self.what, self.hint)
    }
}

impl Failure {
    /// What a running service answered.
    pub(crate) fn answered(code: &str, what: &str, hint: &str) -> Self {
        Failure {
            code: code.to_string().into(),
            what: what.into(),
            hint: hint.into(),
            exit: if code == "E-QUERY" { 2 } else { 1 },
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            StoreError::NotFound(what) if what.starts_with("archive") => {
                "`everpost import …` makes one; --data DIR names another place"
            }
            _ => error.hint(),
        };
        Failure {
            code: error.code().into(),
            what: error.to_string(),
            hint: hint.into(),
            exit: 1,
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Store(error) => error.into(),
            ServiceError::Node(error) => error.into(),
        }
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Failure {
            code: error.code().into(),
            what: error.to_string(),
            hint: error.hint().into(),
            exit: 1,
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Source { .. } => Failure {
                code: "E-SOURCE".into(),
                what: error.to_string(),
                hint: String::new(),
                exit: 1,
            },
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let what = error.to_string();
        let (code, hint) = match error {
            ExportError::Store(error) => return error.into(),
            ExportError::NotEmpty(_) => {
                ("E-NOT-EMPTY", "name a directory that is empty or not there")
            }
            ExportError::Nothing => ("E-NOT-FOUND", "`everpost import …` takes mail in"),
            ExportError::Output { error, .. }
                if error.kind() == std::io::ErrorKind::StorageFull =>
            {
                ("E-DISK", "make room and export to a new directory")
            }
            ExportError::Output { .. } => ("E-FILE", ""),
        };
        Failure {
            code: code.into(),
            what,
            hint: hint.into(),
            exit: 1,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure {
            code: "E-IO".into(),
            what: format!("{error:#}"),
            hint: String::new(),
            exit: 1,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}

/// Prints `error[CODE]: what; hint` to standard error, as one JSON object if asked.
pub(crate) fn print(failure: &Failure, json: bool) -> ExitCode {
    // A reader that closed our output wants no more of it, and no complaint either.
    if failure.what.contains("Broken pipe") {
        return ExitCode::SUCCESS;
    }
    if json {
        let line =
            serde_json::json!({"error": failure.code, "what": failure.what, "hint": failure.hint});
        eprintln!("{line}");
    } else if failure.hint.is_empty() {
        eprintln!("error[{}]: {}", failure.code, failure.what);
    } else {
        eprintln!(
            "error[{}]: {}; {}",
            failure.code, failure.what, failure.hint
        );
    }
    ExitCode::from(failure.exit)
}
