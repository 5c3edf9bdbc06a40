//! The section `[tls]`: which certificate is shown.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which certificate is shown. Without one, an authority of this archive's own signs one.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate chain, PEM.
    #[schema(value_type = Option<String>)]
    pub cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[schema(value_type = Option<String>)]
    pub key: Option<PathBuf>,
    /// Names and addresses that the certificate of our own authority is for, beside
    /// `localhost` and the addresses listened on; and by which `everpost doctor` recognises this
    /// archive in DNS.
    pub names: Vec<String>,
    /// A certificate of a public authority.
    pub acme: Option<AcmeConfig>,
}

/// A certificate that an authority gives by ACME (RFC 8555) and that is renewed by itself. Where this section
/// stands, it is asked for. The authority connects to port 443 of each name, which has to
/// lead to the listener `https` (TLS-ALPN-01, RFC 8737).
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AcmeConfig {
    /// The authority's directory.
    pub directory: String,
    /// That you agree to the authority's terms of service, which its directory links; nothing is asked for
    /// without.
    pub agree_to_terms: bool,
    /// Addresses at which the authority may reach you, as `mailto:it@example.org`.
    pub contact: Vec<String>,
    /// Names that the certificate is for; without any, those of `[tls]`.
    pub names: Vec<String>,
    /// Certificates, PEM, to trust the directory itself by, where the authority is one of your own; else
    /// those that the system trusts.
    #[schema(value_type = Option<String>)]
    pub ca: Option<PathBuf>,
}

impl Default for AcmeConfig {
    fn default() -> Self {
        AcmeConfig {
            directory: "https://acme-v02.api.letsencrypt.org/directory".into(),
            agree_to_terms: false,
            contact: Vec::new(),
            names: Vec::new(),
            ca: None,
        }
    }
}
