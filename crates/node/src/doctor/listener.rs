//! Listeners: can they be opened, or has our own running service opened them?

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;

use tokio::net::UnixStream;

use super::Finding;
use crate::config::Listen;

/// The state of a listening socket in the kernel's tables.
const LISTENS: &str = "0A";

/// Looks at one listener.
pub(super) async fn look(listen: &Listen, socket: &Path) -> Finding {
    let address = listen.address;
    let subject = format!("{}={address}", listen.protocol.name());
    let finding = Finding::new("listener", subject);
    if address.port() == 0 {
        return finding.skipped("any port that is free is taken");
    }
    let error = match TcpListener::bind(address) {
        Ok(_) => return finding.well("free, for the service to take"),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::AddrInUse => {}
        ErrorKind::PermissionDenied => {
            return finding.wrong(
                "this user may not open it",
                "ports below 1024 need AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit",
            );
        }
        ErrorKind::AddrNotAvailable => {
            let hint = "give an address that this machine has, or 0.0.0.0 for all of them";
            return finding.wrong("this machine does not have the address", hint);
        }
        _ => return finding.wrong(error.to_string(), "choose another address"),
    }
    let Some(pid) = service(socket).await else {
        let hint = "end the other program (`ss -ltnp` names it) or choose another port";
        return finding.wrong("another program listens there, and no service runs", hint);
    };
    match has(pid, address) {
        Some(true) => finding.well(format!("our running service listens (process {pid})")),
        Some(false) => finding.wrong(
            format!("another program listens there, not our service (process {pid})"),
            "end the other program (`ss -ltnp` names it) or choose another port; then start the service again",
        ),
        None => finding.warning(
            format!("somebody listens; nobody may see whether it is our service (process {pid})"),
            "run this as the user that the service runs as",
        ),
    }
}

/// The process that answers at the socket, if one does.
async fn service(socket: &Path) -> Option<i32> {
    let stream = UnixStream::connect(socket).await.ok()?;
    stream.peer_cred().ok()?.pid()
}

/// Whether a process listens at an address, or at all addresses with its port; `None` where we may not see it.
fn has(pid: i32, address: SocketAddr) -> Option<bool> {
    let sockets = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let sockets = sockets.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let sockets: Vec<String> = sockets
        .filter_map(|link| {
            let link = link.to_str()?;
            let inode = link.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect();
    let tables = ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{pid}/net/{name}")));
    let mut listening = tables.iter().flatten().flat_map(|table| table.lines());
    Some(listening.any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state, inode) = (fields.next(), fields.nth(1), fields.nth(5));
        state == Some(LISTENS)
            && local
                .and_then(parse)
                .is_some_and(|local| is_at(local, address))
            && inode.is_some_and(|inode| sockets.iter().any(|one| one == inode))
    }))
}

fn is_at(local: SocketAddr, address: SocketAddr) -> bool {
    let same = local.ip().to_canonical() == address.ip().to_canonical();
    local.port() == address.port() && (same || local.ip().is_unspecified())
}

/// An address as the kernel's tables write it: words of four bytes in this machine's order, in hexadecimal.
fn parse(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words = address.as_bytes().chunks(8).map(|word| {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        Some(word.to_ne_bytes())
    });
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    let four = <[u8; 4]>::try_from(bytes.as_slice()).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(bytes.as_slice()).map(IpAddr::from));
    Some(SocketAddr::new(address.ok()?, port))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use std::net::TcpListener;

    use tokio::net::UnixListener;

    use super::{look, parse};
    use crate::doctor::Verdict;

    #[tokio::test]
    async fn who_listens_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = |port: u16| format!("https=127.0.0.1:{port}").parse().unwrap();
        let taken_at = listen(taken.local_addr().unwrap().port());
        // Nobody at the socket: it is somebody else's.
        let finding = look(&taken_at, &path).await;
        assert_eq!(finding.verdict, Verdict::Wrong, "{}", finding.found);
        // This process is at the socket, and it has the listener.
        let _service = UnixListener::bind(&path).unwrap();
        let finding = look(&taken_at, &path).await;
        assert_eq!(finding.verdict, Verdict::Well, "{}", finding.found);
        // A child of ours has another one.
        let port = other_program();
        let finding = look(&listen(port.1), &path).await;
        assert_eq!(finding.verdict, Verdict::Wrong, "{}", finding.found);
        assert_eq!(look(&listen(0), &path).await.verdict, Verdict::Skipped);
        let nowhere = "https=192.0.2.1:1".parse().unwrap();
        assert_eq!(look(&nowhere, &path).await.verdict, Verdict::Wrong);
    }

    /// A name server, and its port.
    fn other_program() -> (everpost_testkit::peers::Bind, u16) {
        let bind = everpost_testkit::peers::Bind::start(&[("example.test", "")]).unwrap();
        let port = bind.address().port();
        (bind, port)
    }

    #[test]
    fn the_kernels_addresses_are_read() {
        let four = u32::from_ne_bytes([127, 0, 0, 1]);
        let text = format!("{four:08X}:1F90");
        assert_eq!(parse(&text).unwrap(), "127.0.0.1:8080".parse().unwrap());
        let last = u32::from_ne_bytes([0, 0, 0, 1]);
        let text = format!("{:024X}{last:08X}:0019", 0);
        assert_eq!(parse(&text).unwrap(), "[::1]:25".parse().unwrap());
        assert!(parse("local_address").is_none());
    }
}
