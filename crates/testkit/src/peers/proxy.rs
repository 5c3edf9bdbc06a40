//! A TCP proxy that a test breaks: it takes a peer away from one node and leaves it to the others.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Ports, Result, io};

/// Bytes on their way in one direction.
const BUFFER: usize = 64 * 1024;
/// How long the peer behind may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A proxy on its own port of 127.0.0.1; closed when it is dropped.
pub struct Proxy {
    ports: Ports,
    shared: Arc<Shared>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    before: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    mode: Mode,
    /// The number of the next connection.
    next: u64,
    /// Both ends of each open connection, as far as it has got.
    open: HashMap<u64, Vec<TcpStream>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Forwards,
    Hangs,
    Cut,
}

impl Proxy {
    /// A proxy that forwards to this address.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn before(address: SocketAddr) -> Result<Self> {
        let proxy = Proxy {
            ports: Ports::reserve()?,
            shared: Arc::new(Shared {
                before: address,
                state: Mutex::new(State {
                    mode: Mode::Cut,
                    next: 0,
                    open: HashMap::new(),
                }),
                changed: Condvar::new(),
            }),
            acceptor: Mutex::default(),
        };
        proxy.mend()?;
        Ok(proxy)
    }

    /// Where it listens, the same for as long as this lives.
    pub fn address(&self) -> SocketAddr {
        self.ports.address(0)
    }

    /// Closes all open connections and refuses new ones.
    pub fn cut(&self) {
        let mut acceptor = lock(&self.acceptor);
        self.shared.cut();
        if let Some(thread) = acceptor.take() {
            // It looks at the mode when it has accepted something; one connection is enough, and one
            // more could meet the listener while it closes, and wait a second for nothing.
            let address = self.address();
            while !thread.is_finished() && TcpStream::connect_timeout(&address, CONNECT).is_err() {}
            thread.join().ok();
        }
    }

    /// Forwards (again): what waited in [`Proxy::hang`] goes on, and new connections are accepted.
    ///
    /// # Errors
    /// Where the port cannot be had again.
    pub fn mend(&self) -> Result<()> {
        self.listen(Mode::Forwards)
    }

    /// Keeps connections open, accepts new ones, and forwards nothing. What clients send waits.
    ///
    /// # Errors
    /// Where it was cut and the port cannot be had again.
    pub fn hang(&self) -> Result<()> {
        self.listen(Mode::Hangs)
    }

    fn listen(&self, mode: Mode) -> Result<()> {
        let mut acceptor = lock(&self.acceptor);
        let listener = match *acceptor {
            Some(_) => None,
            None => Some(TcpListener::bind(self.address()).map_err(io(self.address()))?),
        };
        self.shared.state().mode = mode;
        self.shared.changed.notify_all();
        if let Some(listener) = listener {
            let shared = self.shared.clone();
            *acceptor = Some(thread::spawn(move || shared.accept(&listener)));
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn cut(&self) {
        let mut state = self.state();
        state.mode = Mode::Cut;
        for stream in state.open.drain().flat_map(|(_, streams)| streams) {
            stream.shutdown(Shutdown::Both).ok();
        }
        self.changed.notify_all();
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            let mut state = self.state();
            if state.mode == Mode::Cut {
                return;
            }
            let Ok(client) = client else { continue };
            let Ok(end) = client.try_clone() else {
                continue;
            };
            let number = state.next;
            state.next += 1;
            state.open.insert(number, vec![end]);
            drop(state);
            let shared = self.clone();
            thread::spawn(move || {
                shared.serve(number, client);
                shared.close(number);
            });
        }
    }

    /// One connection, to its end.
    fn serve(self: &Arc<Self>, number: u64, client: TcpStream) {
        if !self.passes(number) {
            return;
        }
        let Ok(peer) = TcpStream::connect_timeout(&self.before, CONNECT) else {
            return;
        };
        client.set_nodelay(true).ok();
        peer.set_nodelay(true).ok();
        let (Ok(end), Ok(answers), Ok(back)) =
            (peer.try_clone(), peer.try_clone(), client.try_clone())
        else {
            return;
        };
        match self.state().open.get_mut(&number) {
            Some(streams) => streams.push(end),
            None => return,
        }
        let shared = self.clone();
        let backwards = thread::spawn(move || shared.forward(number, answers, back));
        self.forward(number, client, peer);
        backwards.join().ok();
    }

    /// One direction of a connection, until its end.
    fn forward(&self, number: u64, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            if !self.passes(number) {
                return;
            }
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() || to.write_all(bytes).is_err() {
                // The other direction may go on.
                to.shutdown(Shutdown::Write).ok();
                return;
            }
        }
    }

    /// Waits while nothing is forwarded; `false` when the connection was closed.
    fn passes(&self, number: u64) -> bool {
        let mut state = self.state();
        while state.mode == Mode::Hangs && state.open.contains_key(&number) {
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        state.open.contains_key(&number)
    }

    fn close(&self, number: u64) {
        for stream in self.state().open.remove(&number).unwrap_or_default() {
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::thread;
    use std::time::Duration;

    use super::Proxy;

    /// A peer that says back what it hears.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut from = stream.unwrap();
                let mut to = from.try_clone().unwrap();
                thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        });
        address
    }

    fn said_back(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
        stream.write_all(bytes)?;
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back)?;
        assert_eq!(back, bytes);
        Ok(())
    }

    #[test]
    fn a_cut_closes_and_refuses_until_it_is_mended() {
        let proxy = Proxy::before(echo()).unwrap();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        said_back(&mut stream, b"before").unwrap();
        for _ in 0..5 {
            proxy.cut();
            assert!(said_back(&mut stream, b"x").is_err());
            let refused = TcpStream::connect(proxy.address()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            proxy.mend().unwrap();
            stream = TcpStream::connect(proxy.address()).unwrap();
            said_back(&mut stream, &[7; 300_000]).unwrap();
        }
        let address = proxy.address();
        drop(proxy);
        assert!(said_back(&mut stream, b"x").is_err());
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn bytes_wait_while_it_hangs() {
        let proxy = Proxy::before(echo()).unwrap();
        let mut old = TcpStream::connect(proxy.address()).unwrap();
        said_back(&mut old, b"before").unwrap();
        proxy.hang().unwrap();
        let mut new = TcpStream::connect(proxy.address()).unwrap();
        for stream in [&mut old, &mut new] {
            stream.write_all(b"waits").unwrap();
            stream
                .set_read_timeout(Some(Duration::from_millis(100)))
                .unwrap();
            let kind = stream.read(&mut [0]).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::WouldBlock);
            stream.set_read_timeout(None).unwrap();
        }
        proxy.mend().unwrap();
        for stream in [&mut old, &mut new] {
            let mut back = [0; 5];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(&back, b"waits");
        }
        proxy.hang().unwrap();
        proxy.cut();
        assert!(said_back(&mut old, b"x").is_err());
        proxy.hang().unwrap();
        let mut new = TcpStream::connect(proxy.address()).unwrap();
        new.write_all(b"x").unwrap();
    }

    #[test]
    fn the_end_of_one_direction_is_forwarded() {
        let proxy = Proxy::before(echo()).unwrap();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.write_all(b"all").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        assert_eq!(back, b"all");
        assert!(proxy.shared.state().open.len() <= 1);
    }

    #[test]
    fn without_a_peer_connections_end() {
        let gone = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let proxy = Proxy::before(gone).unwrap();
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
}
