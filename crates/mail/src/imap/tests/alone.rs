//! What only we promise: repeated APPENDs, news, folders that vanish, commands in a row.

use everpost_store::{FlagOrder, Flags};

use super::talk::text;
use super::{ANN, Server, append, letter};

/// The lines that say so.
fn with<'l>(lines: &'l [String], word: &str) -> Vec<&'l String> {
    lines.iter().filter(|line| line.contains(word)).collect()
}

#[test]
fn an_append_whose_answer_was_lost_is_one_message() {
    let server = Server::start();
    let mail = append("Sent", "(\\Seen) ", &letter(1));
    // The program hears nothing: its connection is gone before the answer.
    let mut lost = server.ann();
    lost.send(format!("x1 {mail}\r\n").as_bytes());
    let heard = lost.line();
    assert!(heard.starts_with(b"+ "), "{}", text(&heard));
    let heard = lost.line();
    assert!(text(&heard).contains("[APPENDUID "), "{}", text(&heard));
    drop(lost);
    // The server has to see that too.
    let mut again = server.ann();
    let wait = std::time::Instant::now();
    while server.road.unhearing.count() == 0 {
        assert!(wait.elapsed().as_secs() < 30);
        std::thread::yield_now();
    }
    let told = again.ok(&mail);
    assert_eq!(
        text(&heard).strip_prefix("x1 "),
        told.last().map(String::as_str)
    );
    // Said once more by a program that heard, it is a message of its own.
    let more = again.ok(&mail);
    assert_ne!(told, more);
    assert_eq!(
        with(&again.ok("STATUS Sent (MESSAGES)"), "MESSAGES 2").len(),
        1
    );
}

#[test]
fn one_connection_sees_what_another_does() {
    let server = Server::start();
    let (mut one, mut other) = (server.ann(), server.ann());
    for number in 0..4 {
        one.ok(&append("INBOX", "", &letter(number)));
    }
    let selected = other.ok("SELECT INBOX");
    assert_eq!(with(&selected, "* 4 EXISTS").len(), 1);
    one.ok("SELECT INBOX");
    one.ok("STORE 2 +FLAGS.SILENT (\\Deleted $Work)");
    let heard = other.ok("NOOP");
    assert_eq!(
        with(&heard, "* 2 FETCH (UID 2 FLAGS (\\Deleted $Work))").len(),
        1
    );
    assert_eq!(with(&heard, "* FLAGS (").len(), 1);
    // While numbers are used nothing loses its own.
    one.ok("EXPUNGE");
    let heard = other.ok("FETCH 1:* (UID)");
    assert_eq!(with(&heard, "EXPUNGE").len(), 0);
    assert_eq!(with(&heard, "FETCH (UID").len(), 4);
    let heard = other.ok("UID FETCH 1:* (FLAGS)");
    assert_eq!(with(&heard, "* 2 EXPUNGE").len(), 1);
    // In IDLE it is told at once.
    other.send(b"i1 IDLE\r\n");
    let heard = other.line();
    assert!(heard.starts_with(b"+ "));
    one.ok(&append("INBOX", "", &letter(7)));
    assert_eq!(text(&other.line()), "* 4 EXISTS");
    assert_eq!(text(&other.line()), "* 0 RECENT");
    other.send(b"DONE\r\n");
    assert!(text(&other.line()).starts_with("i1 OK"));
}

#[test]
fn a_folder_that_vanishes_is_empty_and_stays_open() {
    let server = Server::start();
    let mut talk = server.ann();
    talk.ok("CREATE Work");
    talk.ok(&append("Work", "", &letter(1)));
    talk.ok("SELECT Work");
    let replica = server.replica();
    server
        .runtime
        .block_on(replica.delete_folder("Work"))
        .unwrap();
    assert_eq!(with(&talk.ok("NOOP"), "* 1 EXPUNGE").len(), 1);
    let found = talk.ok("UID SEARCH ALL");
    assert_eq!(found[0], "* SEARCH");
    talk.ok("CLOSE");
}

#[test]
fn qresync_tells_what_happened_since() {
    let server = Server::start();
    let mut talk = server.ann();
    for number in 0..6 {
        talk.ok(&append("INBOX", "", &letter(number)));
    }
    let replica = server.replica();
    let inbox = server.runtime.block_on(replica.folder("INBOX")).unwrap();
    let modseq = inbox.modseq;
    server.runtime.block_on(async {
        replica.expunge(inbox.id, &[2, 5]).await.unwrap();
        let seen = FlagOrder::Add(Flags::SEEN);
        replica
            .store_flags(inbox.id, &[3], seen, None)
            .await
            .unwrap();
    });
    talk.ok("ENABLE QRESYNC");
    let heard = talk.ok(&format!(
        "SELECT INBOX (QRESYNC ({} {modseq} 1:6))",
        inbox.id
    ));
    assert_eq!(with(&heard, "* VANISHED (EARLIER) 2,5").len(), 1);
    let changed = with(&heard, "FETCH (");
    assert_eq!(changed.len(), 1);
    assert!(
        changed[0].contains("UID 3 FLAGS (\\Seen) MODSEQ ("),
        "{changed:?}"
    );
    // Of another folder's numbers nothing is believed.
    let heard = talk.ok(&format!("SELECT INBOX (QRESYNC (99 {modseq}))"));
    assert_eq!(
        with(&heard, "VANISHED").len() + with(&heard, "FETCH").len(),
        0
    );
    assert_eq!(with(&heard, "[CLOSED]").len(), 1);
    let stored = talk.ok("UID STORE 3 (UNCHANGEDSINCE 1) +FLAGS (\\Flagged)");
    assert_eq!(with(&stored, "[MODIFIED 3]").len(), 1);
}

#[test]
fn what_is_wrong_is_said_and_nothing_else_happens() {
    let server = Server::start();
    let mut talk = Talk::to(server.address);
    let mut no = |command: &str, says: &str| {
        let heard = talk.say(command.as_bytes());
        let last = text(heard.last().unwrap());
        assert!(last.starts_with(says), "{command}: {last}");
    };
    no(&format!("LOGIN {ANN} wrong"), "NO [AUTHENTICATIONFAILED] ");
    no("SELECT INBOX", "BAD ");
    no(
        &format!("LOGIN {ANN} \"{}\"", super::PASSWORD),
        "OK [CAPABILITY ",
    );
    no("SELECT Nowhere", "NO [NONEXISTENT] ");
    no("FETCH 1 (UID)", "BAD ");
    no("SELECT INBOX", "OK [READ-WRITE] ");
    no("FETCH 1 (UID)", "BAD ");
    no("UID FETCH 1 (UID)", "OK ");
    no("CREATE inbox", "NO [ALREADYEXISTS] ");
    no("DELETE INBOX", "NO [CANNOT] ");
    no(&append("Nowhere", "", &letter(1)), "NO [TRYCREATE] ");
    no("EXAMINE INBOX", "OK [READ-ONLY] ");
    no("UID STORE 1 +FLAGS (\\Seen)", "NO [READ-ONLY] ");
    no("SEARCH CHARSET KOI8-R ALL", "NO [BADCHARSET ");
    no("UID COPY 1 Nowhere", "NO [TRYCREATE] ");
}

use super::talk::Talk;
