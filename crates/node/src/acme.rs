//! Certificates of a public authority, by ACME (RFC 8555). The authority connects to the listener
//! `https` and is answered in the handshake (TLS-ALPN-01, RFC 8737), so no other port is needed.
//!
//! The account's key (`DIR.acme.key`) and what was given (`DIR.acme.pem`: chain and its key in one
//! file, so that they always belong together) lie beside the data directory.

use std::collections::HashSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use instant_acme::{
    Account, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, Error, HttpClient,
    Identifier, Key, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use crate::ca::write_private;
use crate::certificate::{Certificate, Chain, Facts, wrong};
use crate::config::{AcmeConfig, TlsConfig};
use crate::shown::{Answer, Shown};
use crate::{NodeError, beside};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(30);
/// Bytes of an answer; chains have some ten thousand.
const ANSWER: usize = 1 << 20;
/// How long an authority may take to look, and again to sign.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(180));
/// How often an order is begun again because the authority did not know its own nonces.
const NONCES: usize = 5;

/// An authority, and what is asked of it.
#[derive(Clone)]
pub(crate) struct Acme {
    data: PathBuf,
    config: AcmeConfig,
    names: Vec<String>,
}

impl Acme {
    pub(crate) fn new(data: &Path, config: &TlsConfig) -> Result<Self, NodeError> {
        let acme = config.acme.clone().unwrap_or_default();
        let refuse = |what: String| Err(NodeError::Config(format!("[tls.acme] {what}")));
        if !acme.agree_to_terms {
            return refuse(format!(
                "needs `agree_to_terms = true`: read the terms of service that {} links",
                acme.directory
            ));
        }
        let names = match acme.names.as_slice() {
            [] => &config.names,
            names => names,
        };
        let names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        if names.is_empty() {
            return refuse("needs `names`".into());
        }
        for name in &names {
            if name.parse::<IpAddr>().is_ok() || name == "localhost" {
                return refuse(format!("`{name}` is no name that others know"));
            }
            if name.contains('*') {
                return refuse(format!(
                    "`{name}`: by this way no certificate for many names at once can be had; list them"
                ));
            }
        }
        Ok(Acme {
            data: data.into(),
            config: acme,
            names,
        })
    }

    fn path(&self) -> PathBuf {
        beside(&self.data, ".acme.pem")
    }

    /// What the certificate is to be for.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// What was given last, if anything was.
    pub(crate) fn kept(&self) -> Result<Option<Certificate>, NodeError> {
        let path = self.path();
        match path.exists() {
            true => Certificate::read(&path, &path).map(Some),
            false => Ok(None),
        }
    }

    /// Whether a certificate is of this authority and for all our names. Our own is for `localhost`, too,
    /// and no public one is.
    pub(crate) fn has_given(&self, facts: &Facts) -> bool {
        !facts.covers("localhost") && self.names.iter().all(|name| facts.covers(name))
    }

    /// Asks for a certificate, and keeps it.
    pub(crate) async fn obtain(&self, shown: &Arc<Shown>) -> Result<Certificate, NodeError> {
        let mut tries = 1;
        let (chain, key) = loop {
            match self.ask(shown).await {
                // The client has asked several times with new ones already.
                Err(Refusal::Acme(error)) if is_nonce(&error) && tries < NONCES => tries += 1,
                Err(Refusal::Acme(error)) => return Err(self.refused(&error)),
                Err(Refusal::Node(error)) => return Err(error),
                Ok(given) => break given,
            }
        };
        let certificates = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<Chain, _>>()
            .map_err(wrong)?;
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(wrong)?;
        let certificate = Certificate::new(certificates, private)?;
        let facts = certificate.facts();
        if !self.has_given(facts) || facts.due() <= SystemTime::now() {
            return Err(NodeError::Acme {
                what: "the certificate is not for our names, or ends soon".into(),
                hint: "is the clock of this machine right?",
            });
        }
        write_private(&self.path(), &format!("{key}{chain}"))?;
        Ok(certificate)
    }

    /// One order from its beginning: a chain and its key, PEM.
    async fn ask(&self, shown: &Arc<Shown>) -> Result<(String, String), Refusal> {
        let account = self.account().await?;
        let names = self.names.iter().cloned().map(Identifier::Dns);
        let names: Vec<Identifier> = names.collect();
        let mut order = account.new_order(&NewOrder::new(&names)).await?;
        // Answers are given until the authority has looked.
        let answers = prove(&mut order, shown).await?;
        let status = match order.state().status {
            OrderStatus::Pending => order.poll_ready(&PATIENCE).await,
            status => Ok(status),
        };
        drop(answers);
        match status {
            Ok(OrderStatus::Ready) => {}
            // The order says that it failed; why is written at the name.
            Ok(_) | Err(Error::Api(_)) => return Err(reason(&mut order).await),
            Err(error) => return Err(error.into()),
        }
        let key = KeyPair::generate().map_err(wrong)?;
        let mut params = CertificateParams::new(self.names.clone()).map_err(wrong)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(wrong)?;
        order.finalize_csr(request.der()).await?;
        let chain = order.poll_certificate(&PATIENCE).await?;
        Ok((chain, key.serialize_pem()))
    }

    /// Signs in, or makes an account for our key if there is none.
    async fn account(&self) -> Result<Account, Refusal> {
        let path = beside(&self.data, ".acme.key");
        let key = match fs::read_to_string(&path) {
            Ok(pem) => KeyPair::from_pem(&pem)
                .map_err(|error| wrong(format!("{}: {error}", path.display())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = KeyPair::generate().map_err(wrong)?;
                write_private(&path, &key.serialize_pem())?;
                key
            }
            Err(error) => return Err(NodeError::file(&path, error).into()),
        };
        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        let pair = (Key::from_pkcs8_der(der.clone_key())?, der.into());
        let builder = Account::builder_with_http(Box::new(self.client()?));
        let directory = self.config.directory.clone();
        let (account, _) = builder.create_from_key(pair, directory).await?;
        if !self.config.contact.is_empty() {
            let contact: Vec<&str> = self.config.contact.iter().map(String::as_str).collect();
            account.update_contacts(&contact).await?;
        }
        Ok(account)
    }

    fn client(&self) -> Result<Http, NodeError> {
        // Whoever was first has decided; all take the same.
        let provider = rustls::crypto::ring::default_provider();
        provider.install_default().ok();
        let mut client = reqwest::Client::builder()
            .https_only(true)
            .timeout(REQUEST)
            .user_agent(concat!("everpost/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &self.config.ca {
            let pem = fs::read(path).map_err(|error| NodeError::file(path, error))?;
            let roots = reqwest::Certificate::from_pem_bundle(&pem);
            let roots = roots.map_err(|error| wrong(format!("{}: {error}", path.display())))?;
            client = client.tls_certs_only(roots);
        }
        let client = client.build();
        client.map(Http).map_err(|error| wrong(chain_of(&error)))
    }

    fn refused(&self, error: &Error) -> NodeError {
        let names = self.names.join(", ");
        let (what, hint) = match error {
            Error::Api(problem) => {
                let kind = problem.r#type.as_deref().unwrap_or_default();
                let kind = kind.rsplit(':').next().unwrap_or_default();
                (error.to_string(), hint(kind))
            }
            Error::Other(error) => (
                format!("{}: {}", self.config.directory, chain_of(error.as_ref())),
                "can this machine reach the directory, and does it trust its certificate (see `ca`)?",
            ),
            other => (
                other.to_string(),
                "it is tried again by itself; SIGHUP has it tried at once",
            ),
        };
        let what = format!("no certificate for {names}: {what}");
        NodeError::Acme { what, hint }
    }
}

/// What to do about a problem that an authority names.
fn hint(kind: &str) -> &'static str {
    match kind {
        "connection" | "tls" | "unauthorized" | "incorrectResponse" => {
            "port 443 of each name, as the authority sees it, has to lead to our listener https, past no proxy that ends TLS"
        }
        "dns" => "each name needs an address in public DNS",
        "caa" => "the CAA record of the domain allows other authorities only",
        "rateLimited" => "the authority wants to be asked less often; wait as long as it says",
        "rejectedIdentifier" | "malformed" => {
            "does the authority give certificates for such names?"
        }
        "invalidContact" | "unsupportedContact" => "correct `contact`, as mailto:it@example.org",
        "externalAccountRequired" => "this authority gives only to customers; take another",
        _ => "it is tried again by itself; SIGHUP has it tried at once",
    }
}

/// What stands in the way of a certificate.
enum Refusal {
    /// On the authority's side.
    Acme(Error),
    /// On ours.
    Node(NodeError),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Acme(error)
    }
}

impl From<NodeError> for Refusal {
    fn from(error: NodeError) -> Self {
        Refusal::Node(error)
    }
}

fn is_nonce(error: &Error) -> bool {
    let kind = match error {
        Error::Api(problem) => problem.r#type.as_deref(),
        _ => None,
    };
    kind.is_some_and(|kind| kind.ends_with(":badNonce"))
}

/// Prepares to answer for each name that is not proven yet, and says so.
async fn prove(order: &mut Order, shown: &Arc<Shown>) -> Result<Vec<Answer>, Refusal> {
    let mut answers = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status != AuthorizationStatus::Pending {
            continue;
        }
        let name = authorization.identifier().to_string();
        let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01) else {
            return Err(Error::Unsupported("TLS-ALPN-01, the way that we know").into());
        };
        let digest = challenge.key_authorization().digest();
        let answer = proof(&name, digest.as_ref())?;
        answers.push(shown.answer(&name, answer));
        challenge.set_ready().await?;
    }
    Ok(answers)
}

/// The certificate that shows a name to be ours.
fn proof(name: &str, digest: &[u8]) -> Result<CertifiedKey, NodeError> {
    let key = KeyPair::generate().map_err(wrong)?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(wrong)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key).map_err(wrong)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(wrong)?;
    let key = any_supported_type(&key).map_err(wrong)?;
    // Nobody else should take it for a certificate, and what reads certificates takes it for none.
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

/// Why an order failed.
async fn reason(order: &mut Order) -> Refusal {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let looked = match authorization {
            Ok(mut authorization) => {
                let state = authorization.refresh().await;
                state.map(|state| state.challenges.iter().find_map(|one| one.error.clone()))
            }
            Err(error) => Err(error),
        };
        match looked {
            Ok(None) => {}
            Ok(Some(problem)) => return Error::Api(problem).into(),
            Err(error) => return error.into(),
        }
    }
    Error::Str("a reason; the order is invalid").into()
}

/// An error with its causes, of which the last one is the one that helps.
fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut said = HashSet::new();
    let causes = causes.map(ToString::to_string);
    let causes = causes.filter(|text| said.insert(text.clone()));
    causes.collect::<Vec<_>>().join(": ")
}

/// How the directory is reached.
struct Http(reqwest::Client);

type Answering<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

impl HttpClient for Http {
    fn request(&self, request: http::Request<BodyWrapper<Bytes>>) -> Answering<BytesResponse> {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            // It is in memory already.
            let body = body.collect().await.map(|body| body.to_bytes());
            let body = body.unwrap_or_default();
            let other = |error: reqwest::Error| Error::Other(Box::new(error));
            let sent = client
                .request(parts.method, parts.uri.to_string())
                .headers(parts.headers)
                .body(body);
            let mut answer = sent.send().await.map_err(other)?;
            let mut built = http::Response::builder().status(answer.status());
            if let Some(headers) = built.headers_mut() {
                *headers = answer.headers().clone();
            }
            let mut bytes = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(other)? {
                if bytes.len() + chunk.len() > ANSWER {
                    return Err(Error::Str("an answer of a sensible size"));
                }
                bytes.extend_from_slice(&chunk);
            }
            let built = built.body(Full::new(Bytes::from(bytes)))?;
            Ok(BytesResponse::from(built))
        })
    }
}
