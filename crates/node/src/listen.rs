//! Listeners: TCP with TLS 1.3, TCP on this machine, and a socket in the data directory. Requests
//! of HTTP go to a router ([`serve`]), connections that speak something else to a handler
//! ([`serve_streams`]).

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceBuilder;

use crate::NodeError;
use crate::ca::Identity;
use crate::config::{Listen, Protocol};
use crate::shown::ACME_TLS;
use crate::stop::Stop;

/// Connections of one listener at a time: each may hold a request's memory.
const CONNECTIONS: usize = 1024;
/// Requests of one connection at a time.
const STREAMS: u32 = 128;
/// Who has not finished the TLS handshake by then holds a connection for nothing.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Who has not sent the header of a request by then, likewise.
const HEADER: Duration = Duration::from_secs(30);
/// Bytes of a request's header; cookies and queries are far smaller.
const HEADER_BYTES: usize = 64 << 10;
/// How long what is under way may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Who is at the other end of a connection; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP.
    Network {
        /// From where.
        address: IpAddr,
        /// Whether TLS protects it.
        tls: bool,
    },
    /// Over the socket in the data directory.
    Local {
        /// The user of the process, as the kernel says.
        uid: u32,
    },
}

/// A listener that accepts.
pub struct Listener {
    name: &'static str,
    kind: Kind,
    /// For protocols that begin in the clear.
    upgrade: Option<TlsAcceptor>,
}

enum Kind {
    Tls(TcpListener, TlsAcceptor),
    Plain(TcpListener),
    Local(UnixListener, PathBuf),
}

impl Listener {
    /// Opens a TCP listener.
    pub async fn open(listen: &Listen, identity: &Identity) -> Result<Self, NodeError> {
        let listener =
            TcpListener::bind(listen.address)
                .await
                .map_err(|error| NodeError::Listen {
                    address: listen.address.to_string(),
                    error,
                })?;
        Ok(Listener {
            name: listen.protocol.name(),
            kind: match listen.protocol {
                Protocol::Https => Kind::Tls(listener, TlsAcceptor::from(identity.server.clone())),
                Protocol::Submissions | Protocol::Imaps => {
                    Kind::Tls(listener, TlsAcceptor::from(identity.upgrade.clone()))
                }
                _ => Kind::Plain(listener),
            },
            upgrade: Some(TlsAcceptor::from(identity.upgrade.clone())),
        })
    }

    /// Opens a socket at `path`. The caller holds the lock of the directory, so a file that
    /// lies there is left from a process that ended.
    pub fn local(path: &Path) -> Result<Self, NodeError> {
        std::fs::remove_file(path).ok();
        let listener = UnixListener::bind(path).map_err(|error| NodeError::Listen {
            address: path.display().to_string(),
            error,
        })?;
        Ok(Listener {
            name: "local",
            kind: Kind::Local(listener, path.into()),
            upgrade: None,
        })
    }

    /// Its name, and where it accepts; `None` for a socket in a directory.
    pub fn address(&self) -> Option<(&'static str, SocketAddr)> {
        let address = match &self.kind {
            Kind::Tls(listener, _) | Kind::Plain(listener) => listener.local_addr().ok()?,
            Kind::Local(..) => return None,
        };
        Some((self.name, address))
    }
}

/// Serves `router` on all listeners until the signal to stop; then lets requests under way
/// come to their end, for a while.
pub async fn serve(listeners: Vec<Listener>, router: Router, stop: Stop) {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(HEADER_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES as u32);
    let requests = Requests {
        http: Arc::new(http),
        router,
        graceful: Arc::new(GracefulShutdown::new()),
    };
    let loops = listeners.into_iter().map(|listener| {
        let requests = requests.clone();
        let serving = move |accepted: Accepted| requests.serving(accepted);
        tokio::spawn(accept_all(listener, room(), stop.clone(), serving))
    });
    for one in loops.collect::<Vec<_>>() {
        one.await.ok();
    }
    // Every loop has ended, and with it its handle.
    let Some(graceful) = Arc::into_inner(requests.graceful) else {
        return;
    };
    tokio::time::timeout(GRACE, graceful.shutdown()).await.ok();
}

/// A connection that speaks something else than HTTP.
pub struct Connection {
    /// Its bytes.
    pub stream: Box<dyn Duplex>,
    /// Who is at its other end.
    pub peer: Peer,
    /// What its listener speaks, by the name of [`Protocol::name`].
    pub listener: &'static str,
    /// What to shake hands with, should the two agree on TLS.
    pub upgrade: Option<TlsAcceptor>,
}

/// Gives each connection to `handler` until the signal to stop. Handlers hear of it by themselves
/// and come to an end; those that have not after a while are dropped.
pub async fn serve_streams<H, F>(listeners: Vec<Listener>, handler: H, stop: Stop)
where
    H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    // Their grace is over.
    let over = Stop::default();
    let mut rooms = Vec::new();
    let loops = listeners.into_iter().map(|listener| {
        let room = room();
        rooms.push(room.clone());
        let (name, upgrade) = (listener.name, listener.upgrade.clone());
        let (handler, over) = (handler.clone(), over.clone());
        let serving = move |(stream, peer): Accepted| {
            let (handler, over) = (handler.clone(), over.clone());
            let upgrade = upgrade.clone();
            async move {
                let Some(stream) = stream.open().await else {
                    return;
                };
                let connection = Connection {
                    stream,
                    peer,
                    listener: name,
                    upgrade,
                };
                tokio::select! {
                    () = over.wait() => {}
                    () = handler(connection) => {}
                }
            }
        };
        tokio::spawn(accept_all(listener, room, stop.clone(), serving))
    });
    for one in loops.collect::<Vec<_>>() {
        one.await.ok();
    }
    // Whoever has all the room knows that nobody is left.
    let left = async {
        for room in &rooms {
            room.acquire_many(CONNECTIONS as u32).await.ok();
        }
    };
    if tokio::time::timeout(GRACE, left).await.is_err() {
        tracing::warn!("connections were cut off: they did not come to an end");
        over.stop();
    }
}

/// Room for the connections of one listener.
fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CONNECTIONS))
}

type Accepted = (Stream, Peer);

/// Accepts connections and has each served, as many at a time as there is room for, until the signal
/// to stop.
async fn accept_all<F>(
    listener: Listener,
    room: Arc<Semaphore>,
    stop: Stop,
    serving: impl Fn(Accepted) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let next = async {
            // The semaphore is never closed.
            let room = room.clone().acquire_owned().await;
            accept(&listener.kind)
                .await
                .map(|accepted| (room, accepted))
        };
        let next = tokio::select! {
            () = stop.wait() => break,
            next = next => next,
        };
        match next {
            Ok((room, accepted)) => {
                let serving = serving(accepted);
                tokio::spawn(async move {
                    serving.await;
                    drop(room);
                });
            }
            Err(error) => {
                // Out of file descriptors, usually: at once would be again.
                tracing::warn!(%error, listener = listener.name, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    if let Kind::Local(_, path) = &listener.kind {
        std::fs::remove_file(path).ok();
    }
}

/// What serves the requests of a connection.
#[derive(Clone)]
struct Requests {
    http: Arc<Builder<TokioExecutor>>,
    router: Router,
    graceful: Arc<GracefulShutdown>,
}

impl Requests {
    fn serving(
        &self,
        (stream, peer): Accepted,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let service = ServiceBuilder::new()
            .map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(peer);
                request
            })
            .service(self.router.clone());
        let service = TowerToHyperService::new(service);
        let (http, watcher) = (self.http.clone(), self.graceful.watcher());
        async move {
            let Some(stream) = stream.open().await else {
                return;
            };
            let connection = http
                .serve_connection(TokioIo::new(stream), service)
                .into_owned();
            // An error is the peer's: it went away in the middle of a request.
            watcher.watch(connection).await.ok();
        }
    }
}

/// Bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

enum Stream {
    Plain(Box<dyn Duplex>),
    Tls(tokio::net::TcpStream, TlsAcceptor),
}

impl Stream {
    /// Shakes hands, where that comes first.
    async fn open(self) -> Option<Box<dyn Duplex>> {
        match self {
            Stream::Plain(stream) => Some(stream),
            Stream::Tls(stream, tls) => {
                match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    // It was only asked whether the name is ours, and the handshake answered.
                    Ok(Ok(mut stream)) if stream.get_ref().1.alpn_protocol() == Some(ACME_TLS) => {
                        stream.shutdown().await.ok();
                        None
                    }
                    Ok(Ok(stream)) => Some(Box::new(stream)),
                    // Port scanners and broken clients; there is nobody to tell.
                    _ => None,
                }
            }
        }
    }
}

async fn accept(kind: &Kind) -> std::io::Result<(Stream, Peer)> {
    let network = |from: SocketAddr, tls| Peer::Network {
        address: from.ip().to_canonical(),
        tls,
    };
    match kind {
        Kind::Tls(listener, tls) => {
            let (stream, from) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok((Stream::Tls(stream, tls.clone()), network(from, true)))
        }
        Kind::Plain(listener) => {
            let (stream, from) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok((Stream::Plain(Box::new(stream)), network(from, false)))
        }
        Kind::Local(listener, _) => {
            let (stream, _) = listener.accept().await?;
            let uid = stream.peer_cred()?.uid();
            Ok((Stream::Plain(Box::new(stream)), Peer::Local { uid }))
        }
    }
}
