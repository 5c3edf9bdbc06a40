//! Messages of which only the header is here, and whoever brings the rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use everpost_store::{Flags, NewMessage, Replica, StoreError};
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use super::super::bodies::Insisting;
use super::super::{Bodies, describe, describe_header};
use super::talk::text;
use super::{ANN, Server, letter};
use crate::filing::filed;

/// What Thunderbird asks when it lists a folder.
const LIST: &str = "(UID RFC822.SIZE FLAGS INTERNALDATE ENVELOPE BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date \
                    Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])";

/// Has the bytes of some messages, by UID.
#[derive(Default)]
struct Shelf {
    mails: Mutex<BTreeMap<u32, String>>,
    asked: Mutex<Vec<Vec<u32>>>,
    /// So many times nothing can be had.
    refusals: Mutex<usize>,
    /// Where there is one, each order needs a permit.
    door: Option<Semaphore>,
}

impl Shelf {
    fn of(mails: impl IntoIterator<Item = (u32, String)>) -> Self {
        Shelf {
            mails: Mutex::new(mails.into_iter().collect()),
            ..Shelf::default()
        }
    }

    fn asked(&self) -> Vec<Vec<u32>> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// The same, as a road has it.
struct Near(Arc<Shelf>);

impl Bodies for Near {
    fn bring(
        &self,
        replica: Replica,
        folder: u32,
        uids: Vec<u32>,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let shelf = self.0.clone();
        Box::pin(async move {
            shelf.asked.lock().unwrap().push(uids.clone());
            if let Some(door) = &shelf.door {
                door.acquire().await.unwrap().forget();
            }
            let refused = {
                let mut refusals = shelf.refusals.lock().unwrap();
                let refused = *refusals > 0;
                *refusals = refusals.saturating_sub(1);
                refused
            };
            let mut filled = Vec::new();
            for uid in uids {
                let mail = shelf.mails.lock().unwrap().get(&uid).cloned();
                if let Some(mail) = mail.filter(|_| !refused) {
                    filled.push((uid, admitted(&replica, &mail).await?));
                }
            }
            replica.fill(folder, &filled).await
        })
    }
}

/// A mail whose bytes are archived.
async fn admitted(replica: &Replica, mail: &str) -> Result<NewMessage, StoreError> {
    let raw = Bytes::from(mail.to_owned());
    let item = filed(raw.clone(), ANN, "INBOX");
    let message = describe(&raw, item.digest(), Flags::NONE, DATE);
    replica.tenant().admit(vec![item], None).await?;
    Ok(message)
}

const DATE: i64 = 1_717_400_000;

/// A server with whoever brings bytes, that insists on them so long.
fn server(shelf: &Arc<Shelf>, long: Duration) -> Server {
    let near = Near(shelf.clone());
    Server::with(|road| {
        let mut road = road.with_bodies(Arc::new(near));
        road.patience.insisting = Insisting {
            again: Duration::from_millis(1),
            long,
        };
        road
    })
}

fn header(mail: &str) -> NewMessage {
    let (header, _) = mail.split_once("\r\n\r\n").unwrap();
    let fields = format!("{header}\r\n\r\n");
    describe_header(fields.as_bytes(), mail.len() as u64, DATE, Flags::NONE)
}

impl Server {
    /// Puts mails into a folder, of which only the headers are here.
    fn put_headers(&self, folder: &str, mails: &[String]) {
        let replica = self.replica();
        let messages: Vec<NewMessage> = mails.iter().map(|mail| header(mail)).collect();
        self.runtime.block_on(async {
            let folder = replica.folder(folder).await.unwrap().id;
            replica.append(folder, &messages, false).await.unwrap();
        });
    }

    /// Puts whole mails into a folder.
    fn put(&self, folder: &str, mails: &[String]) {
        let replica = self.replica();
        self.runtime.block_on(async {
            let folder = replica.folder(folder).await.unwrap().id;
            for mail in mails {
                let message = admitted(&replica, mail).await.unwrap();
                replica.append(folder, &[message], false).await.unwrap();
            }
        });
    }
}

fn letters(count: usize) -> Vec<String> {
    let mut mails: Vec<String> = (1..count).map(letter).collect();
    let answer = letter(count).replace(
        "Subject: ",
        "References: <1@example.com>\r\nList-Id: Pier <pier.example.com>\r\nX-Other: 1\r\nSubject: Re: ",
    );
    mails.push(answer);
    mails
}

/// FETCH answers without what is chosen by the server.
fn fetched(lines: &[String]) -> Vec<String> {
    let told = lines.iter().filter(|line| line.contains(" FETCH ("));
    told.cloned().collect()
}

#[test]
fn lists_and_searches_of_headers_open_nothing() {
    // Nobody brings anything: whatever wants bytes ends the connection.
    let server = Server::start();
    let mails = letters(6);
    server.put_headers("INBOX", &mails);
    server.put("Archive", &mails);
    let (mut headers, mut whole) = (server.ann(), server.ann());
    headers.ok("SELECT INBOX");
    whole.ok("SELECT Archive");
    let mut same = |command: &str| {
        let (of_headers, of_whole) = (headers.ok(command), whole.ok(command));
        assert_eq!(of_headers, of_whole, "{command}");
        of_headers
    };
    let listed = same(&format!("UID FETCH 1:* {LIST}"));
    assert_eq!(fetched(&listed).len(), 6);
    assert!(
        listed[5].contains("References: <1@example.com>\r\n"),
        "{listed:?}"
    );
    same("FETCH 2:4 (BODY.PEEK[HEADER.FIELDS (subject LIST-ID)]<3.9>)");
    let mut finds = |query: &str, found: &str| {
        assert_eq!(same(query)[0], found, "{query}");
    };
    finds("SEARCH FROM carol", "* SEARCH 1 2 3 4 5 6");
    finds("SEARCH FROM \"Carol <carol\" SUBJECT 3", "* SEARCH 3");
    finds("SEARCH HEADER List-Id pier", "* SEARCH 6");
    finds("SEARCH NOT HEADER References \"\"", "* SEARCH 1 2 3 4 5");
    finds("SEARCH SENTON 3-Jun-2024 2:3", "* SEARCH 2 3");
    finds("SEARCH TEXT \"letter 4\"", "* SEARCH 4");
    finds("SORT (REVERSE SUBJECT) UTF-8 ALL", "* SORT 6 5 4 3 2 1");
    finds("THREAD REFERENCES UTF-8 ALL", "* THREAD (1 6)(2)(3)(4)(5)");
    // Of bodies what is here is searched.
    assert_eq!(headers.ok("SEARCH BODY pier")[0], "* SEARCH");
    assert_eq!(whole.ok("SEARCH BODY pier")[0], "* SEARCH 1 2 3 4 5 6");
    assert_eq!(headers.ok("SEARCH EMAILID E0")[0], "* SEARCH");
}

#[test]
fn fields_too_long_to_be_kept_open_that_message_alone() {
    let shelf = Arc::new(Shelf::default());
    let server = server(&shelf, Duration::ZERO);
    let mut mails = letters(3);
    let long = format!("References: <{}@x>\r\nTo: ", "x".repeat(20_000));
    mails[1] = mails[1].replace("To: ", &long);
    server.put_headers("INBOX", &mails[..1]);
    server.put("INBOX", &mails[1..2]);
    server.put_headers("INBOX", &mails[2..]);
    let mut talk = server.ann();
    talk.ok("SELECT INBOX");
    let listed = talk.ok(&format!("FETCH 1:3 {LIST}"));
    assert_eq!(fetched(&listed).len(), 3);
    assert!(listed[1].len() > 20_000);
    assert!(shelf.asked().is_empty());
    let found = talk.ok("SEARCH HEADER References xxx");
    assert_eq!(found[0], "* SEARCH 2");
}

#[test]
fn what_is_opened_is_brought_first_and_once() {
    let mails = letters(4);
    let shelf = Arc::new(Shelf::of((1..).zip(mails.clone())));
    let server = server(&shelf, Duration::ZERO);
    server.put_headers("INBOX", &mails);
    let mut talk = server.ann();
    talk.ok("SELECT INBOX");
    let heard = talk.ok("UID FETCH 2 (UID RFC822.SIZE BODY[])");
    assert!(heard[0].contains(&mails[1]), "{heard:?}");
    assert!(heard[0].contains("FLAGS (\\Seen)"), "{heard:?}");
    assert_eq!(shelf.asked(), [[2]]);
    let structure = talk.ok("FETCH 1:2 (BODYSTRUCTURE)");
    assert_eq!(fetched(&structure).len(), 2);
    assert_eq!(shelf.asked(), [[1]]);
    let whole = talk.ok("FETCH 1:* (BODY.PEEK[] BODYSTRUCTURE ENVELOPE)");
    assert_eq!(fetched(&whole).len(), 4);
    assert_eq!(shelf.asked(), [[3, 4]]);
    assert!(structure[0].ends_with(")"), "{structure:?}");
    // What was brought behind the back of a connection is not brought again.
    let mut other = server.ann();
    other.ok("SELECT INBOX");
    other.ok("FETCH 1:* (BODY.PEEK[TEXT] PREVIEW)");
    assert!(shelf.asked().is_empty());
    assert_eq!(other.ok("SEARCH BODY \"pier 3\"")[0], "* SEARCH 3");
}

#[test]
fn an_emailid_is_of_the_copy_and_stays() {
    let mails = letters(3);
    let shelf = Arc::new(Shelf::of((1..).zip(mails.clone())));
    let server = server(&shelf, Duration::ZERO);
    server.put_headers("INBOX", &mails);
    let mut talk = server.ann();
    talk.ok("SELECT INBOX");
    let told = fetched(&talk.ok("FETCH 1:* (EMAILID)"));
    assert_eq!(shelf.asked(), [[1, 2, 3]]);
    let ids: std::collections::BTreeSet<&str> = told
        .iter()
        .map(|line| line.split("EMAILID ").nth(1).unwrap())
        .collect();
    assert_eq!(ids.len(), 3, "{told:?}");
    talk.ok("FETCH 1:* (BODY.PEEK[])");
    assert_eq!(fetched(&talk.ok("FETCH 1:* (EMAILID)")), told);
    let id = told[1].split(['(', ')']).nth(2).unwrap();
    let found = talk.ok(&format!("SEARCH EMAILID {id}"));
    assert_eq!(found[0], "* SEARCH 2");
    talk.ok("COPY 1:* Archive");
    talk.ok("SELECT Archive");
    assert_eq!(fetched(&talk.ok("FETCH 1:* (EMAILID)")), told);
}

#[test]
fn what_cannot_be_had_ends_the_connection_behind_what_is_here() {
    let mails = letters(3);
    let have = [(1, mails[0].clone()), (3, mails[2].clone())];
    let shelf = Arc::new(Shelf::of(have));
    let server = server(&shelf, Duration::ZERO);
    server.put_headers("INBOX", &mails);
    let mut talk = server.ann();
    talk.ok("SELECT INBOX");
    let heard = talk.cut("UID FETCH 1:3 (UID BODY[])");
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].starts_with("* 1 FETCH (UID 1 "), "{heard:?}");
    assert!(heard[1].starts_with("* 3 FETCH (UID 3 "), "{heard:?}");
    assert_eq!(shelf.asked(), [vec![1, 2, 3], vec![2]]);
    // It was not read, and is there when it can be had.
    let mut talk = server.ann();
    talk.ok("SELECT INBOX");
    assert_eq!(talk.ok("SEARCH UNSEEN")[0], "* SEARCH 2");
    shelf.mails.lock().unwrap().insert(2, mails[1].clone());
    let heard = talk.ok("UID FETCH 2 (BODY[])");
    assert!(heard[0].contains("Pier 2."), "{heard:?}");
}

#[test]
fn a_mail_server_that_comes_back_is_waited_for() {
    let mails = letters(2);
    let shelf = Arc::new(Shelf {
        refusals: Mutex::new(3),
        ..Shelf::of((1..).zip(mails.clone()))
    });
    let server = server(&shelf, Duration::from_secs(600));
    server.put_headers("INBOX", &mails);
    let mut talk = server.ann();
    talk.ok("SELECT INBOX");
    let heard = talk.ok("UID FETCH 2 (BODY[])");
    assert!(heard[0].contains("Pier 2."), "{heard:?}");
    assert_eq!(shelf.asked(), [[2], [2], [2], [2]]);
}

#[test]
fn who_waits_hears_a_word() {
    let mails = letters(2);
    let shelf = Arc::new(Shelf {
        door: Some(Semaphore::new(0)),
        ..Shelf::of((1..).zip(mails.clone()))
    });
    let near = Near(shelf.clone());
    let server = Server::with(|road| {
        let mut road = road.with_bodies(Arc::new(near));
        road.patience.word = Duration::from_millis(1);
        road
    });
    server.put_headers("INBOX", &mails);
    let mut talk = server.ann();
    talk.ok("SELECT INBOX");
    talk.send(b"w1 FETCH 2 (BODY.PEEK[])\r\n");
    assert_eq!(text(&talk.line()), "* OK still working");
    shelf.door.as_ref().unwrap().add_permits(1);
    let mut heard = text(&talk.line());
    while heard == "* OK still working" {
        heard = text(&talk.line());
    }
    assert!(heard.starts_with("* 2 FETCH (BODY[] "), "{heard}");
    assert!(text(&talk.line()).starts_with("w1 OK"));
}

#[test]
fn a_message_that_went_meanwhile_is_left_out() {
    let mails = letters(3);
    let shelf = Arc::new(Shelf::of((1..).zip(mails.clone())));
    let server = server(&shelf, Duration::ZERO);
    server.put_headers("INBOX", &mails);
    let mut talk = server.ann();
    talk.ok("SELECT INBOX");
    let replica = server.replica();
    server.runtime.block_on(async {
        let inbox = replica.folder("INBOX").await.unwrap().id;
        replica.expunge(inbox, &[2]).await.unwrap();
    });
    let heard = fetched(&talk.ok("FETCH 1:3 (BODY.PEEK[])"));
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert_eq!(shelf.asked(), [[1, 3]]);
}
