//! Certificates: an authority of this archive's own, or the chain and key that were given.
//!
//! The authority's key (`DIR.ca.key`, mode 0600) and certificate (`DIR.ca.pem`, public) lie
//! beside the data directory: who reaches the service needs the certificate, and no backup
//! should hold the key. What a server shows is signed anew at each start and kept nowhere.

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
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::config::{Listen, TlsConfig, names};
use crate::{NodeError, beside};

/// The authority outlives the archive's machines; those who trust it need not be asked again.
const AUTHORITY: Duration = Duration::from_secs(20 * 365 * 86_400);
/// What browsers accept of a server; a service that runs longer is started again.
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
    /// The certificate of our own authority; `None` where a certificate was given.
    pub ca: Option<PathBuf>,
}

/// Prepares what listeners of the archive in `data` show.
pub fn identity(data: &Path, config: &TlsConfig, listen: &[Listen]) -> Result<Identity, NodeError> {
    let (chain, key, ca) = match (&config.cert, &config.key) {
        (Some(cert), Some(key)) => {
            let (chain, key) = given(cert, key)?;
            (chain, key, None)
        }
        (None, None) => own(data, names(config, listen))?,
        _ => {
            return Err(NodeError::Certificate(
                "a certificate without its key, or a key without its certificate".into(),
            ));
        }
    };
    let upgrade = shown(&TLS_12, chain.clone(), key.clone_key())?;
    let mut server = shown(&TLS_13, chain, key)?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Identity {
        server: Arc::new(server),
        upgrade: Arc::new(upgrade),
        ca,
    })
}

type Versions = [&'static SupportedProtocolVersion];
const TLS_13: [&SupportedProtocolVersion; 1] = [&TLS13];
const TLS_12: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

fn shown(
    versions: &Versions,
    chain: Chain,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, NodeError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(wrong)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(wrong)
}

fn wrong(error: impl ToString) -> NodeError {
    NodeError::Certificate(error.to_string())
}

type Chain = Vec<CertificateDer<'static>>;

fn given(cert: &Path, key: &Path) -> Result<(Chain, PrivateKeyDer<'static>), NodeError> {
    let read = |path: &Path| fs::read(path).map_err(|error| NodeError::file(path, error));
    let chain = CertificateDer::pem_slice_iter(&read(cert)?)
        .collect::<Result<Chain, _>>()
        .map_err(|error| wrong(format!("{}: {error}", cert.display())))?;
    let key = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|error| wrong(format!("{}: {error}", key.display())))?;
    Ok((chain, key))
}

/// A certificate of our own authority, which is made on first use.
fn own(
    data: &Path,
    names: Vec<String>,
) -> Result<(Chain, PrivateKeyDer<'static>, Option<PathBuf>), NodeError> {
    let (key_path, cert_path) = (beside(data, ".ca.key"), beside(data, ".ca.pem"));
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
        fs::write(&cert_path, cert.pem()).map_err(|error| NodeError::file(&cert_path, error))?;
    }
    let issuer = Issuer::new(authority_params().map_err(wrong)?, authority);
    let key = KeyPair::generate().map_err(wrong)?;
    let mut params = CertificateParams::new(names).map_err(wrong)?;
    params.distinguished_name = name("Everpost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid_for(&mut params, SERVER);
    let cert = params.signed_by(&key, &issuer).map_err(wrong)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(wrong)?;
    Ok((vec![cert.der().clone()], key, Some(cert_path)))
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

/// Writes a new file of mode 0600 that is whole from its first moment.
fn write_private(path: &Path, text: &str) -> Result<(), NodeError> {
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
        .map_err(|error| NodeError::file(path, error))
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
