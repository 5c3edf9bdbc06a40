//! Somebody between us and the server who cuts the line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// How many more bytes go each way until the line is cut; negative: all.
pub(super) struct Line {
    pub(super) address: SocketAddr,
    pub(super) there: Arc<AtomicI64>,
    pub(super) back: Arc<AtomicI64>,
    /// Instead of cutting, nothing is heard any more.
    pub(super) is_silent: bool,
}

/// Opens a line to a server.
pub(super) async fn line(server: SocketAddr, is_silent: bool) -> Line {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let line = Line {
        address: listener.local_addr().unwrap(),
        there: Arc::new(AtomicI64::new(-1)),
        back: Arc::new(AtomicI64::new(-1)),
        is_silent,
    };
    let (there, back) = (line.there.clone(), line.back.clone());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(server).await.unwrap();
            let (client_read, client_write) = client.into_split();
            let (server_read, server_write) = server.into_split();
            let cut = Arc::new(Notify::new());
            let (there, back, second) = (there.clone(), back.clone(), cut.clone());
            tokio::spawn(async move {
                pipe(client_read, server_write, there, cut, is_silent).await;
            });
            tokio::spawn(async move {
                pipe(server_read, client_write, back, second, is_silent).await;
            });
        }
    });
    line
}

async fn pipe(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    budget: Arc<AtomicI64>,
    cut: Arc<Notify>,
    is_silent: bool,
) {
    let mut buffer = vec![0; 4_096];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            () = cut.notified() => return,
        };
        if read == 0 {
            break;
        }
        let left = budget.load(Ordering::SeqCst);
        let most = usize::try_from(left).map_or(read, |left| left.min(read));
        if to.write_all(&buffer[..most]).await.is_err() {
            break;
        }
        if left >= 0 {
            budget.fetch_sub(most as i64, Ordering::SeqCst);
        }
        if most < read {
            if is_silent {
                std::future::pending::<()>().await;
            }
            break;
        }
    }
    cut.notify_one();
    to.shutdown().await.ok();
}
