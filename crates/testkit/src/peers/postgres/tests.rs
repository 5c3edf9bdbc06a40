//! A cluster answers, dies, hangs, and leaves nothing.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::process::Command;

use super::Postgres;
use crate::peers::PeerError;

#[test]
fn it_answers_and_has_databases() {
    let postgres = Postgres::start().unwrap();
    assert_eq!(postgres.query("postgres", "SELECT 1, 'a'").unwrap(), "1|a");
    postgres.create_database("one \"more").unwrap();
    let names = "SELECT datname FROM pg_database WHERE datname LIKE 'one%'";
    assert_eq!(postgres.query("postgres", names).unwrap(), "one \"more");
    assert!(postgres.query("postgres", "SELECT 1/0").is_err());
    assert_eq!(postgres.query("postgres", "SHOW fsync").unwrap(), "off");
}

#[test]
fn what_was_committed_survives_a_kill() {
    for postgres in [Postgres::start(), Postgres::durable()] {
        let mut postgres = postgres.unwrap();
        let durable = postgres.durable;
        let (port, pid) = (postgres.port(), postgres.pid());
        let fsync = postgres.query("postgres", "SHOW fsync").unwrap();
        assert_eq!(fsync, if durable { "on" } else { "off" });
        let sql = "CREATE TABLE t (n int); INSERT INTO t VALUES (7)";
        postgres.query("postgres", sql).unwrap();
        // A transaction that is open and busy when it happens.
        let mut busy = Command::new(postgres.programs.join("psql"));
        let open = "INSERT INTO t VALUES (8); SELECT pg_sleep(600)";
        busy.args(["-Xq1", "-d", &postgres.url("postgres"), "-c", open]);
        let mut busy = busy.stderr(std::process::Stdio::null()).spawn().unwrap();
        let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        while postgres.query("postgres", sleeps).unwrap() != "1" {}
        postgres.kill().unwrap();
        assert!(!busy.wait().unwrap().success());
        assert_eq!(postgres.pid(), None);
        assert!(matches!(postgres.kill(), Err(PeerError::Down(_))));
        let refused = TcpStream::connect(postgres.address()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        postgres.start_again().unwrap();
        assert_eq!(postgres.query("postgres", "SELECT n FROM t").unwrap(), "7");
        assert_eq!(postgres.port(), port);
        assert_ne!(postgres.pid(), pid);
    }
}

#[test]
fn it_hangs_and_goes_on_and_stops() {
    let mut postgres = Postgres::start().unwrap();
    postgres.pause().unwrap();
    // It connects, for the kernel does that, and gives up by itself.
    let url = format!("{}?connect_timeout=2", postgres.url("postgres"));
    let ask = || {
        Command::new(postgres.programs.join("psql"))
            .args(["-XAtd", &url, "-c", "SELECT 1"])
            .output()
            .unwrap()
    };
    let hung = ask();
    let said = String::from_utf8_lossy(&hung.stderr);
    assert!(!hung.status.success() && said.contains("timeout"), "{said}");
    postgres.resume().unwrap();
    assert_eq!(ask().stdout, b"1\n");
    postgres.pause().unwrap();
    postgres.stop().unwrap();
    postgres.start_again().unwrap();
    assert_eq!(postgres.query("postgres", "SELECT 2").unwrap(), "2");
}

#[test]
fn nothing_is_left() {
    let mut postgres = Postgres::start().unwrap();
    let folder = postgres.folder.path().to_owned();
    let file = std::fs::read_to_string(postgres.data().join("postmaster.pid")).unwrap();
    let words = file.lines().nth(6).unwrap().split_whitespace();
    let segment = words.last().unwrap().to_owned();
    postgres.kill().unwrap();
    let segments = || std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let there = |line: &str| line.split_whitespace().nth(1) == Some(&segment);
    assert!(segments().lines().any(there));
    drop(postgres);
    assert!(!segments().lines().any(there));
    assert!(!folder.exists());
}
