//! Certificates: an authority of this archive's own, or the chain and key that were given.
//!
//! The authority's key (`DIR.ca.key`, mode 0600) and certificate (`DIR.ca.pem`, public) lie
//! beside the data directory: who reaches the service needs the certificate, and no backup
//! should hold the key. What a server shows is signed anew at each start and kept nowhere; [`Keeper`]
//! has another follow it in time.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::sync::watch;

use crate::acme::Acme;
use crate::certificate::{Certificate, wrong};
use crate::config::{Listen, TlsConfig, names};
use crate::keeper::{Keeper, Source};
use crate::shown::{ACME_TLS, Shown, Status};
use crate::{NodeError, beside};

/// The authority outlives the archive's machines; those who trust it need not be asked again.
const AUTHORITY: Duration = Duration::from_secs(20 * 365 * 86_400);
/// What browsers accept of a server.
const SERVER: Duration = Duration::from_secs(397 * 86_400);
/// Clocks differ; a certificate is valid from a little earlier on.
const SKEW: Duration = Duration::from_secs(3600);

/// What a listener shows, and whom to trust to recognise it.
pub struct Identity {
    /// For HTTP: TLS 1.3 alone.
    pub server: Arc<ServerConfig>,
    /// For protocols that begin in the clear: TLS 1.2 too, which is the newest that servers of other
    /// protocols in wide use speak, and which is better than none.
    pub upgrade: Arc<ServerConfig>,
    /// The certificate of our own authority; `None` where another's is shown.
    pub ca: Option<PathBuf>,
    keeper: Keeper,
}

impl Identity {
    /// Who has the certificate followed by another in time. To be run for as long as anything listens.
    pub fn keeper(&self) -> Keeper {
        self.keeper.clone()
    }

    /// What is shown, now and later.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.keeper.status()
    }
}

/// Prepares what listeners of the archive in `data` show.
pub fn identity(data: &Path, config: &TlsConfig, listen: &[Listen]) -> Result<Identity, NodeError> {
    let own = || Own {
        data: data.into(),
        names: names(config, listen),
    };
    let (certificate, ca, source) = match (&config.cert, &config.key, &config.acme) {
        (None, None, None) => {
            let own = own();
            let certificate = own.certificate()?;
            (certificate, Some(own.ca()), Source::Own(own))
        }
        (Some(cert), Some(key), None) => {
            let (cert, key) = (cert.clone(), key.clone());
            let certificate = Certificate::read(&cert, &key)?;
            (certificate, None, Source::Given { cert, key })
        }
        (None, None, Some(_)) => {
            let (acme, own) = (Acme::new(data, config)?, own());
            // Until there is one, and where the last has run out, ours is better than none.
            let now = SystemTime::now();
            let kept = acme.kept().unwrap_or_else(|error| {
                tracing::warn!(%error, "the certificate that ACME gave is of no use; another is asked for");
                None
            });
            let kept = kept.filter(|kept| kept.facts().is_valid(now));
            let (certificate, ca) = match kept {
                Some(kept) => (kept, None),
                None => (own.certificate()?, Some(own.ca())),
            };
            (certificate, ca, Source::Acme(acme, own))
        }
        (Some(_), Some(_), Some(_)) => {
            let what = "[tls] has a certificate and asks for another by ACME: take one of the two";
            return Err(NodeError::Config(what.into()));
        }
        _ => {
            let what = "a certificate without its key, or a key without its certificate";
            return Err(wrong(what));
        }
    };
    let shown = Shown::new(certificate);
    let upgrade = showing(&TLS_12, shown.clone())?;
    let mut server = showing(&TLS_13, shown.clone())?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if config.acme.is_some() {
        server.alpn_protocols.push(ACME_TLS.to_vec());
    }
    Ok(Identity {
        server: Arc::new(server),
        upgrade: Arc::new(upgrade),
        ca,
        keeper: Keeper::new(shown, source),
    })
}

type Versions = [&'static SupportedProtocolVersion];
const TLS_13: [&SupportedProtocolVersion; 1] = [&TLS13];
const TLS_12: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

fn showing(versions: &Versions, shown: Arc<Shown>) -> Result<ServerConfig, NodeError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(wrong)?;
    Ok(config.with_no_client_auth().with_cert_resolver(shown))
}

/// Our own authority, and for whom it signs.
#[derive(Clone)]
pub(crate) struct Own {
    pub(crate) data: PathBuf,
    pub(crate) names: Vec<String>,
}

impl Own {
    /// The authority's certificate, which is public.
    pub(crate) fn ca(&self) -> PathBuf {
        beside(&self.data, ".ca.pem")
    }

    /// A new certificate. The authority is made on first use.
    pub(crate) fn certificate(&self) -> Result<Certificate, NodeError> {
        let authority = self.authority()?;
        let issuer = Issuer::new(authority_params().map_err(wrong)?, authority);
        let key = KeyPair::generate().map_err(wrong)?;
        let mut params = CertificateParams::new(self.names.clone()).map_err(wrong)?;
        params.distinguished_name = name("Everpost");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        valid_for(&mut params, SERVER);
        let cert = params.signed_by(&key, &issuer).map_err(wrong)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(wrong)?;
        Certificate::new(vec![cert.der().clone()], key)
    }

    fn authority(&self) -> Result<KeyPair, NodeError> {
        let (key_path, cert_path) = (beside(&self.data, ".ca.key"), self.ca());
        let authority = match fs::read_to_string(&key_path) {
            Ok(pem) => KeyPair::from_pem(&pem)
                .map_err(|error| wrong(format!("{}: {error}", key_path.display())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = KeyPair::generate().map_err(wrong)?;
                write_private(&key_path, &key.serialize_pem())?;
                // A certificate without its key is of no use: it is made again below.
                fs::remove_file(&cert_path).ok();
                key
            }
            Err(error) => return Err(NodeError::file(&key_path, error)),
        };
        if !cert_path.exists() {
            let cert = authority_params()
                .and_then(|params| params.self_signed(&authority))
                .map_err(wrong)?;
            fs::write(&cert_path, cert.pem())
                .map_err(|error| NodeError::file(&cert_path, error))?;
        }
        Ok(authority)
    }
}

/// The same each time but for the dates: the name is what an issuer is recognised by.
fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = name("Everpost CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, AUTHORITY);
    Ok(params)
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn valid_for(params: &mut CertificateParams, length: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - SKEW).into();
    params.not_after = (now + length).into();
}

/// Writes a file of mode 0600 that is whole from its first moment, or what was there before.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), NodeError> {
    let making = beside(path, ".making");
    fs::remove_file(&making).ok();
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&making)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&making, path))
        .and_then(|()| sync_folder(path))
        .map_err(|error| NodeError::file(path, error))
}

/// The name is durable once the folder is.
fn sync_folder(of: &Path) -> std::io::Result<()> {
    let folder = of.parent().filter(|folder| *folder != Path::new(""));
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_authority_stays_the_same_and_its_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let first = identity(&data, &TlsConfig::default(), &[]).unwrap();
        let ca = first.ca.unwrap();
        let pem = fs::read(&ca).unwrap();
        let key = fs::metadata(folder.path().join("data.ca.key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        identity(&data, &TlsConfig::default(), &[]).unwrap();
        assert_eq!(fs::read(&ca).unwrap(), pem);
        let half = TlsConfig {
            cert: Some(ca.clone()),
            ..TlsConfig::default()
        };
        assert!(identity(&data, &half, &[]).is_err());
        let ours = TlsConfig {
            cert: Some(ca.clone()),
            key: Some(folder.path().join("data.ca.key")),
            ..TlsConfig::default()
        };
        assert!(identity(&data, &ours, &[]).unwrap().ca.is_none());
    }
}
