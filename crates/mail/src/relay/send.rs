//! One connection to one server: the client machine of `codec`, driven.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everpost_codec::smtp::Timeout;
use everpost_codec::smtp::client::{
    Client, Config, Envelope, Event, Login, Outcome, Report, StartTls,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::route::Server;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(30);
/// Bytes that are read at a time.
const BUFFER: usize = 16 << 10;
/// Bytes of a message that are handed to the machine at a time.
const PIECE: usize = 64 << 10;

/// How mail is protected on its way to the next server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    /// Where the server offers it; whoever it is (RFC 7435).
    #[default]
    Opportunistic,
    /// Nothing is sent without it; whoever the server is.
    Required,
    /// Nothing is sent without it, and the server's certificate must be of its name.
    Verified,
}

/// Whom the relay trusts, made ready.
#[derive(Clone)]
pub struct Trust {
    policy: TlsPolicy,
    connector: TlsConnector,
}

impl Trust {
    /// `roots`: whose certificates are believed, where the policy asks.
    pub fn new(policy: TlsPolicy, roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let config = match policy {
            TlsPolicy::Verified => config.with_root_certificates(roots).with_no_client_auth(),
            _ => config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
                .with_no_client_auth(),
        };
        Ok(Trust {
            policy,
            connector: TlsConnector::from(Arc::new(config)),
        })
    }

    fn starttls(&self) -> StartTls {
        match self.policy {
            TlsPolicy::Opportunistic => StartTls::Opportunistic,
            TlsPolicy::Required | TlsPolicy::Verified => StartTls::Required,
        }
    }
}

/// Believes any certificate: encryption against those who only listen, which is all that mail between servers that do
/// not know each other can have without DANE or MTA-STS.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection that is open to a server.
pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    client: Client,
    /// What the server calls itself in our log.
    pub(super) server: String,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were read and not taken yet.
    waiting: (usize, usize),
}

/// Why there is none, or none any more.
#[derive(Debug)]
pub(super) enum Unusable {
    /// It did not come to a talk.
    Unreachable(String),
    /// The server will not have us.
    Refused(Box<Outcome>),
}

impl Connection {
    /// Connects to a server and greets it.
    pub(super) async fn open(
        to: &Server,
        address: SocketAddr,
        our_name: &str,
        trust: &Trust,
        login: Option<&Login>,
    ) -> Result<Self, Unusable> {
        let name = &to.name;
        let server = format!("{name} [{address}]");
        let unreachable =
            |why: &dyn std::fmt::Display| Unusable::Unreachable(format!("{server}: {why}"));
        let stream = match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(unreachable(&error)),
            Err(_) => return Err(unreachable(&"no answer")),
        };
        stream.set_nodelay(true).ok();
        let mut config = Config::new(our_name, to.protocol);
        config.starttls = trust.starttls();
        config.login = login.filter(|_| to.is_smarthost).cloned();
        config.login_in_clear = address.ip().is_loopback();
        let mut connection = Connection {
            stream: Box::new(stream),
            client: Client::new(config),
            server,
            buffer: vec![0; BUFFER],
            waiting: (0, 0),
        };
        loop {
            match connection.event().await {
                Ok(Event::Ready) => return Ok(connection),
                Ok(Event::StartTls) => {
                    let name = ServerName::try_from(name.clone())
                        .unwrap_or_else(|_| ServerName::IpAddress(address.ip().into()));
                    connection = connection.upgrade(name, trust).await?;
                }
                Ok(Event::Failed(outcome)) => return Err(Unusable::Refused(Box::new(outcome))),
                Ok(_) => return Err(connection.unreachable("it closed the connection")),
                Err(error) => return Err(connection.unreachable(&error.to_string())),
            }
        }
    }

    fn unreachable(&self, why: &str) -> Unusable {
        Unusable::Unreachable(format!("{}: {why}", self.server))
    }

    async fn upgrade(mut self, name: ServerName<'static>, trust: &Trust) -> Result<Self, Unusable> {
        self.write()
            .await
            .map_err(|error| self.unreachable(&error.to_string()))?;
        let Connection {
            stream,
            mut client,
            server,
            buffer,
            ..
        } = self;
        let shaken = timeout(
            Timeout::Handshake.duration(),
            trust.connector.connect(name, stream),
        );
        let stream = match shaken.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Unusable::Unreachable(format!("{server}: TLS: {error}"))),
            Err(_) => return Err(Unusable::Unreachable(format!("{server}: TLS: no answer"))),
        };
        client.tls_started();
        Ok(Connection {
            stream: Box::new(stream),
            client,
            server,
            buffer,
            waiting: (0, 0),
        })
    }

    /// The next thing that happens.
    async fn event(&mut self) -> std::io::Result<Event> {
        loop {
            let (from, to) = self.waiting;
            let mut input = self.buffer.get(from..to).unwrap_or_default();
            let event = self.client.next(&mut input);
            self.waiting = (to - input.len(), to);
            if let Some(event) = event {
                return Ok(event);
            }
            self.write().await?;
            let patience = self.client.timeout().unwrap_or(Timeout::Command).duration();
            let read = timeout(patience, self.stream.read(&mut self.buffer));
            let read = read
                .await
                .map_err(|_| std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer"))??;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.waiting = (0, read);
        }
    }

    async fn write(&mut self) -> std::io::Result<()> {
        let octets = self.client.output().len();
        if octets > 0 {
            let patience = Timeout::DataBlock.duration();
            let written = async {
                self.stream.write_all(self.client.output()).await?;
                self.stream.flush().await
            };
            let done = timeout(patience, written).await;
            // Written or not, nobody can say how much of it went out.
            self.client.written(octets);
            done.map_err(|_| {
                std::io::Error::new(std::io::ErrorKind::TimedOut, "nothing is taken")
            })??;
        }
        Ok(())
    }

    /// Sends a message. `about_to` is awaited before its first byte leaves; if it says no, nothing leaves and the connection is
    /// of no more use. The second answer is whether the connection can be used again.
    pub(super) async fn send(
        &mut self,
        envelope: Envelope,
        message: &[Bytes],
        about_to: impl Future<Output = bool>,
    ) -> (Option<Report>, bool) {
        if self.client.send(envelope).is_err() {
            return (None, false);
        }
        let mut about_to = Some(std::pin::pin!(about_to));
        loop {
            match self.event().await {
                Ok(Event::Body) => {
                    if let Some(about_to) = about_to.take()
                        && !about_to.await
                    {
                        return (None, false);
                    }
                    if self.body(message).await.is_err() {
                        return (self.client.lost(), false);
                    }
                }
                Ok(Event::Done(report)) => {
                    let again = matches!(self.event().await, Ok(Event::Ready));
                    return (Some(report), again);
                }
                Ok(Event::Ready) => {}
                Ok(Event::StartTls | Event::Failed(_) | Event::Closed) | Err(_) => {
                    return (self.client.lost(), false);
                }
            }
        }
    }

    async fn body(&mut self, message: &[Bytes]) -> std::io::Result<()> {
        for piece in message.iter().flat_map(|part| part.chunks(PIECE)) {
            if self.client.body(piece).is_err() {
                // Why is told by the next event.
                return Ok(());
            }
            self.write().await?;
        }
        self.client.end().ok();
        self.write().await
    }

    /// Says goodbye.
    pub(super) async fn quit(mut self) {
        if self.client.quit().is_ok() {
            let farewell = async { while let Ok(Event::Ready) = self.event().await {} };
            timeout(Duration::from_secs(5), farewell).await.ok();
        }
    }
}
