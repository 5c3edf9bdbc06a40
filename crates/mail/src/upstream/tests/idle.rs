//! Waiting, and noticing that nobody is there any more.

use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::time::{sleep, timeout};

use super::proxy::line;
use super::*;

#[tokio::test]
async fn what_happens_is_told() {
    let dovecot = dovecot();
    for ignored in [&[] as &[&str], &["IDLE"]] {
        let mut account = account(dovecot.imap(), ignored);
        account.patience.poll = Duration::from_millis(100);
        account.patience.idle = Duration::from_millis(300);
        let mut upstream = Upstream::connect(&account).await.unwrap();
        let mut other = connect(dovecot.imap(), &[]).await;
        let place = put(&mut other, "INBOX", "0", &[]).await;
        upstream.look("INBOX", None, Access::Write).await.unwrap();
        // Nothing happens, through several rounds.
        let woken = upstream
            .idle("INBOX", sleep(Duration::from_millis(800)))
            .await
            .unwrap();
        assert_eq!(woken, Woken::Ended);
        for change in 0..3 {
            upstream.look("INBOX", None, Access::Write).await.unwrap();
            let acts = async {
                sleep(Duration::from_millis(200)).await;
                match change {
                    0 => drop(put(&mut other, "INBOX", "1", &[]).await),
                    1 => drop(
                        other
                            .store(&place, &["\\Flagged"], &[], None)
                            .await
                            .unwrap(),
                    ),
                    _ => drop(other.relocate(&place, "Trash").await.unwrap()),
                }
            };
            let waits = upstream.idle("INBOX", sleep(Duration::from_secs(20)));
            let (woken, ()) = tokio::join!(waits, acts);
            assert_eq!(woken.unwrap(), Woken::Stirred, "{ignored:?} {change}");
        }
        // What was not looked at yet is still told, and then no more.
        let woken = upstream
            .idle("INBOX", sleep(Duration::from_secs(20)))
            .await
            .unwrap();
        assert_eq!(woken, Woken::Stirred);
        upstream.look("INBOX", None, Access::Write).await.unwrap();
        let woken = upstream
            .idle("INBOX", sleep(Duration::from_millis(100)))
            .await
            .unwrap();
        assert_eq!(woken, Woken::Ended);
        // The connection is in step.
        upstream.noop().await.unwrap();
        upstream.quit().await;
    }
}

#[tokio::test]
async fn a_server_that_dies_is_noticed() {
    let dovecot = dovecot();
    let mut upstream = connect(dovecot.imap(), &[]).await;
    upstream.look("INBOX", None, Access::Read).await.unwrap();
    let waits = tokio::spawn(async move {
        let woken = upstream.idle("INBOX", std::future::pending()).await;
        (woken, upstream)
    });
    sleep(Duration::from_millis(300)).await;
    tokio::task::spawn_blocking(move || drop(dovecot))
        .await
        .unwrap();
    let (woken, mut upstream) = timeout(Duration::from_secs(10), waits)
        .await
        .unwrap()
        .unwrap();
    assert!(
        matches!(woken, Err(Trouble::Unreachable(_) | Trouble::Away(_))),
        "{woken:?}"
    );
    // Nothing is in doubt about what is ordered after that.
    let verdict = upstream.append("INBOX", &[], 0, &mail("1")).await;
    assert!(
        matches!(verdict, Err(Trouble::Unreachable(_))),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_server_that_falls_silent_is_noticed() {
    let dovecot = dovecot();
    let line = line(dovecot.imap(), true).await;
    assert!(line.is_silent);
    let mut account = account(line.address, &[]);
    account.patience.idle = Duration::from_millis(500);
    account.patience.silence = Duration::from_millis(1_000);
    account.patience.fresh = Duration::from_millis(300);
    let mut upstream = Upstream::connect(&account).await.unwrap();
    upstream.look("INBOX", None, Access::Write).await.unwrap();
    line.back.store(0, Ordering::SeqCst);
    let began = Instant::now();
    let woken = upstream.idle("INBOX", std::future::pending()).await;
    assert!(matches!(woken, Err(Trouble::Unreachable(_))), "{woken:?}");
    assert!(began.elapsed() < Duration::from_secs(4));

    // Before an order, it is asked: so the order is not in doubt.
    line.back.store(-1, Ordering::SeqCst);
    let mut upstream = Upstream::connect(&account).await.unwrap();
    upstream.look("INBOX", None, Access::Write).await.unwrap();
    line.back.store(0, Ordering::SeqCst);
    sleep(Duration::from_millis(400)).await;
    let verdict = upstream.append("INBOX", &[], 0, &mail("1")).await;
    assert!(
        matches!(verdict, Err(Trouble::Unreachable(_))),
        "{verdict:?}"
    );
}
