//! Sessions as Postfix and Sendmail hold them, and hostile ones.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic"
)]

use super::*;
use proptest::prelude::*;

/// What Postfix 3.7 offers.
const POSTFIX: (u32, u32, u32) = (6, 0x1ff, 0x1f_ffff);

fn frame(command: u8, data: &[u8]) -> Vec<u8> {
    let mut out = (data.len() as u32 + 1).to_be_bytes().to_vec();
    out.push(command);
    out.extend(data);
    out
}

fn offer((version, actions, steps): (u32, u32, u32)) -> Vec<u8> {
    let numbers = [version, actions, steps].map(u32::to_be_bytes);
    frame(b'O', &numbers.concat())
}

/// A message as Postfix tells of it, with its macros, for two recipients of whom one is in no header.
fn transaction(queue_id: &str, body: &[u8]) -> Vec<u8> {
    let id = format!("i\0{queue_id}\0");
    [
        frame(
            b'D',
            b"M{auth_authen}\0ann\0{mail_addr}\0ann@here.test\0{auth_author}\0\0",
        ),
        frame(b'M', b"<ann@here.test>\0SIZE=1000\0BODY=8BITMIME\0"),
        frame(b'D', b"R{rcpt_addr}\0bob@there.test\0"),
        frame(b'R', b"<bob@there.test>\0"),
        frame(
            b'D',
            format!("R{id}{{rcpt_addr}}\0eve@there.test\0").as_bytes(),
        ),
        frame(
            b'R',
            b"<eve@there.test>\0NOTIFY=NEVER\0ORCPT=rfc822;eve@there.test\0",
        ),
        frame(b'D', format!("T{id}").as_bytes()),
        frame(b'T', b""),
        frame(b'L', b"Subject\0 two\n\tlines\0"),
        frame(b'L', b"X-Tight\0none\0"),
        frame(b'L', b"X-Empty\0\0"),
        frame(b'D', format!("N{id}").as_bytes()),
        frame(b'N', b""),
        frame(b'B', body),
        frame(b'D', format!("E{id}").as_bytes()),
        frame(b'E', b""),
    ]
    .concat()
}

fn connection() -> Vec<u8> {
    [
        frame(b'D', b"C{client_addr}\x00192.0.2.7\0j\0mx.here.test\0"),
        frame(b'C', b"client.here.test\x004\x30\x39192.0.2.7\0"),
        frame(b'D', b"H"),
        frame(b'H', b"client\0"),
    ]
    .concat()
}

/// All events, every question answered by `answer`, with what was sent.
fn run(
    options: Options,
    bytes: &[u8],
    pieces: &[usize],
    answer: impl Fn(&Event) -> Answer,
) -> (Result<Vec<Event>, Error>, Vec<u8>) {
    let mut session = Session::new(options);
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    for &piece in pieces.iter().cycle() {
        let (now, after) = rest.split_at(piece.clamp(1, rest.len().max(1)).min(rest.len()));
        session.push(now);
        rest = after;
        loop {
            match session.next() {
                Ok(Some(event)) => {
                    if event.awaits_answer() {
                        assert_eq!(session.next(), Ok(None));
                        assert!(session.answer(&answer(&event)));
                    }
                    assert!(!session.answer(&Answer::Continue));
                    events.push(event);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(session.next(), Err(error.clone()));
                    sent.extend(session.take_output());
                    return (Err(error), sent);
                }
            }
        }
        sent.extend(session.take_output());
        if rest.is_empty() {
            break;
        }
    }
    (Ok(events), sent)
}

fn events(bytes: &[u8]) -> Vec<Event> {
    let (events, _) = run(Options::default(), bytes, &[usize::MAX], |_| {
        Answer::Continue
    });
    events.unwrap()
}

fn messages(events: &[Event]) -> Vec<String> {
    let mut out = Vec::new();
    let mut message = Vec::new();
    for event in events {
        event.write(&mut message);
        if let Event::End { .. } = event {
            out.push(String::from_utf8(std::mem::take(&mut message)).unwrap());
        }
    }
    out
}

/// Commands of frames that were sent.
fn replies(sent: &[u8]) -> String {
    let mut frames = frame::Frames::new(FRAME);
    frames.push(sent);
    let commands = std::iter::from_fn(|| frames.next().unwrap());
    commands.map(|(command, _)| char::from(command)).collect()
}

#[test]
fn a_session_of_postfix() {
    // It negotiates once and hangs up, then again; after a message it aborts twice.
    let hello = [offer(POSTFIX), frame(b'D', b"C"), frame(b'Q', b"")].concat();
    assert_eq!(events(&hello), [Event::Quit]);
    let bytes = [
        offer(POSTFIX),
        connection(),
        transaction("4AB", b"Hello\r\n"),
        frame(b'A', b""),
        frame(b'A', b""),
        frame(b'Q', b""),
    ]
    .concat();
    let (found, sent) = run(Options::default(), &bytes, &[usize::MAX], |_| {
        Answer::Continue
    });
    let found = found.unwrap();
    // Negotiation, connect, mail, two recipients, end: nothing else is answered.
    assert_eq!(replies(&sent), "Occccc");
    assert_eq!(
        messages(&found),
        ["Subject: two\r\n\tlines\r\nX-Tight:none\r\nX-Empty:\r\n\r\nHello\r\n"]
    );
    assert_eq!(
        found[0],
        Event::Connect {
            host: b"client.here.test".to_vec(),
            peer: Peer::Inet {
                address: [192, 0, 2, 7].into(),
                port: 12345
            }
        }
    );
    assert_eq!(found[1], Event::Helo(b"client".to_vec()));
    assert_eq!(
        found[2],
        Event::Mail {
            path: b"ann@here.test".to_vec(),
            parameters: vec![b"SIZE=1000".to_vec(), b"BODY=8BITMIME".to_vec()]
        }
    );
    assert_eq!(
        found[4],
        Event::Recipient {
            path: b"eve@there.test".to_vec(),
            parameters: vec![
                b"NOTIFY=NEVER".to_vec(),
                b"ORCPT=rfc822;eve@there.test".to_vec()
            ]
        }
    );
    let Event::End { queue_id, macros } = &found[found.len() - 2] else {
        panic!("{found:?}")
    };
    assert_eq!(queue_id.as_deref(), Some("4AB"));
    assert_eq!(macros.authenticated().as_deref(), Some("ann"));
    assert_eq!(macros.text("client_addr").as_deref(), Some("192.0.2.7"));
    assert_eq!(
        macros.text("rcpt_addr").as_deref(),
        Some("eve@there.test"),
        "the latest"
    );
    assert_eq!(macros.get("auth_author"), None, "empty is none");
    assert_eq!(macros.iter().count(), 10);
    assert_eq!(found.last(), Some(&Event::Quit));
}

#[test]
fn negotiation_takes_what_is_offered() {
    let answer = |offered, options: Options| {
        let (events, sent) = run(options, &offer(offered), &[5], |_| Answer::Continue);
        assert_eq!(events.unwrap(), []);
        let number = |at: usize| u32::from_be_bytes(*sent[at..].first_chunk().unwrap());
        (number(5), number(9), number(13), sent[17..].to_vec())
    };
    let (version, actions, steps, macros) = answer(POSTFIX, Options::default());
    assert_eq!((version, actions, steps), (6, 0x100, 0x1f_2080));
    assert_eq!(steps & 0x37f, 0, "no step is left out");
    assert_eq!(steps & 0x800, 0, "no refused recipients");
    assert!(macros.starts_with(b"\0\0\0\0j "));
    assert!(macros.ends_with(b"\0\0\0\x06i\0"));
    let plain = Options {
        add_headers: true,
        list_macros: false,
        ..Options::default()
    };
    assert_eq!(answer(POSTFIX, plain.clone()).1, 1);
    assert_eq!(answer((2, 0x3f, 0x7f), plain), (2, 1, 0, vec![]));
    assert_eq!(answer((7, 0, 0), Options::default()), (6, 0, 0, vec![]));
    for (offered, error) in [
        (offer((1, 0x3f, 0x7f)), Error::Version(1)),
        (frame(b'O', &[6; 11]), Error::Malformed(b'O')),
        (frame(b'C', b"x\0U"), Error::OutOfOrder(b'C')),
    ] {
        let (found, _) = run(Options::default(), &offered, &[1], |_| Answer::Continue);
        assert_eq!(found, Err(error));
    }
}

#[test]
fn old_versions_answer_everything_and_eat_a_blank() {
    let bytes = [
        offer((2, 0x3f, 0x7f)),
        connection(),
        frame(b'M', b"<>\0"),
        frame(b'R', b"bob@there.test\0"),
        frame(b'L', b"Subject\0two\r\n lines\0"),
        frame(b'L', b"X-Two\0 blanks\0"),
        frame(b'N', b""),
        frame(b'B', b"Hel"),
        // Sendmail may send the last piece with the end.
        frame(b'E', b"lo\r\n"),
        frame(b'Q', b""),
    ]
    .concat();
    let (found, sent) = run(Options::default(), &bytes, &[3], |_| Answer::Continue);
    let found = found.unwrap();
    assert_eq!(replies(&sent), "Occccccccc");
    assert_eq!(
        messages(&found),
        ["Subject: two\r\n lines\r\nX-Two:  blanks\r\n\r\nHello\r\n"]
    );
    assert!(found.contains(&Event::Mail {
        path: vec![],
        parameters: vec![]
    }));
    assert!(found.contains(&Event::Recipient {
        path: b"bob@there.test".to_vec(),
        parameters: vec![]
    }));
}

#[test]
fn several_messages_and_clients_stay_apart() {
    let bytes = [
        offer(POSTFIX),
        connection(),
        transaction("1", b"one\r\n"),
        transaction("2", b"two\r\n"),
        frame(b'M', b"<given@up.test>\0"),
        frame(b'A', b""),
        frame(b'M', b"<not@said.test>\0"),
        transaction("3", b"three\r\n"),
        frame(b'K', b""),
        frame(b'C', b"[unknown]\0U"),
        frame(b'M', b"<x@y.test>\0"),
        frame(b'E', b""),
        frame(b'Q', b""),
    ]
    .concat();
    let found = events(&bytes);
    let head = "Subject: two\r\n\tlines\r\nX-Tight:none\r\nX-Empty:\r\n\r\n";
    let whole = ["one", "two", "three"].map(|body| format!("{head}{body}\r\n"));
    assert_eq!(messages(&found)[..3], whole);
    assert_eq!(
        messages(&found)[3],
        "\r\n",
        "a header that never came still ends"
    );
    let ids: Vec<_> = found
        .iter()
        .filter_map(|event| match event {
            Event::End { queue_id, macros } => Some((queue_id.clone(), macros.iter().count())),
            _ => None,
        })
        .collect();
    let id = |id: &str| Some(id.to_string());
    assert_eq!(
        ids,
        [(id("1"), 10), (id("2"), 10), (id("3"), 10), (None, 0)]
    );
    let aborts = found.iter().filter(|event| **event == Event::Abort);
    assert_eq!(aborts.count(), 2);
    assert!(found.contains(&Event::Disconnect));
}

#[test]
fn answers() {
    let options = Options {
        add_headers: true,
        ..Options::default()
    };
    let mut session = Session::new(options);
    session.push(&offer(POSTFIX));
    session.push(&connection());
    session.push(&transaction("1", b"one\r\n"));
    let mut refused = Reply::new(452, (4, 3, 1), "100% full\r\n250 ok é");
    assert_eq!(Reply::new(250, (2, 0, 0), "no refusal"), None);
    assert_eq!(Reply::new(452, (5, 3, 1), "contradicts itself"), None);
    assert!(!session.add_header("X-A", "early") && !session.progress());
    while let Ok(Some(event)) = session.next() {
        match event {
            Event::Recipient { path, .. } if path.starts_with(b"bob") => {
                session.take_output();
                assert!(session.answer(&Answer::Refuse(refused.take().unwrap())));
                assert_eq!(
                    session.take_output(),
                    frame(b'y', b"452 4.3.1 100%% full??250 ok ?\0")
                );
            }
            Event::End { .. } => {
                assert!(session.progress());
                assert!(session.add_header("X-Archived", "yes"));
                assert!(!session.add_header("X-Bad", "two\r\nlines"));
                assert!(!session.add_header("X Bad", "") && !session.add_header("", ""));
                assert!(session.answer(&Answer::TempFail));
            }
            event if event.awaits_answer() => assert!(session.answer(&Answer::Continue)),
            _ => {}
        }
    }
    let expected = [
        frame(b'c', b""),
        frame(b'p', b""),
        frame(b'h', b"X-Archived\0 yes\0"),
        frame(b't', b""),
    ];
    assert_eq!(session.take_output(), expected.concat());
    assert!(Answer::Reject.refuses() && !Answer::Accept.refuses());
    // What was refused at its begin is no transaction any more.
    let bytes = [
        offer(POSTFIX),
        connection(),
        frame(b'M', b"<a@b>\0"),
        frame(b'A', b""),
        frame(b'M', b"<a@b>\0"),
        frame(b'R', b"<a@b>\0"),
    ];
    let (found, sent) = run(
        Options::default(),
        &bytes.concat(),
        &[9],
        |event| match event {
            Event::Mail { .. } => Answer::Reject,
            _ => Answer::Accept,
        },
    );
    assert_eq!(found, Err(Error::OutOfOrder(b'R')));
    assert_eq!(replies(&sent), "Oarr");
}

#[test]
fn peers() {
    let peer = |data: &[u8]| match event::connect(data) {
        Some(Event::Connect { peer, .. }) => Some(peer),
        _ => None,
    };
    let inet = |address: &str, port| {
        Some(Peer::Inet {
            address: address.parse().unwrap(),
            port,
        })
    };
    assert_eq!(peer(b"x\x006\0\x19IPv6:::1\0"), inet("::1", 25));
    assert_eq!(peer(b"x\x006\0\x002001:db8::1\0"), inet("2001:db8::1", 0));
    assert_eq!(
        peer(b"x\0L\0\0/run/x\0"),
        Some(Peer::Unix(b"/run/x".to_vec()))
    );
    assert_eq!(peer(b"x\x006\0\0fe80::1%eth0\0"), Some(Peer::Unknown));
    for broken in [
        b"".as_slice(),
        b"x",
        b"x\0",
        b"x\0Z",
        b"x\x004\0",
        b"x\x004",
    ] {
        assert_eq!(peer(broken), None, "{}", broken.escape_ascii());
    }
}

#[test]
fn hostile_connections_end() {
    let begin = [offer(POSTFIX), connection()].concat();
    let after = |bytes: &[u8]| {
        let bytes = [&begin, bytes].concat();
        let (found, _) = run(Options::default(), &bytes, &[7], |_| Answer::Continue);
        found.map(|events| events.len())
    };
    let too_long = Error::FrameLength {
        length: FRAME + 1,
        limit: FRAME,
    };
    assert_eq!(after(&(FRAME + 1).to_be_bytes()), Err(too_long));
    assert!(matches!(after(&[0; 4]), Err(Error::FrameLength { .. })));
    assert_eq!(after(&frame(b'L', b"a\0b\0")), Err(Error::OutOfOrder(b'L')));
    assert_eq!(
        after(&frame(b'R', b"<a@b>\0")),
        Err(Error::OutOfOrder(b'R'))
    );
    assert_eq!(after(&frame(b'E', b"")), Err(Error::OutOfOrder(b'E')));
    assert_eq!(after(&frame(b'M', b"")), Err(Error::Malformed(b'M')));
    assert_eq!(after(&frame(b'M', b"<a@b>")), Err(Error::Malformed(b'M')));
    assert_eq!(after(&frame(b'D', b"")), Err(Error::Malformed(b'D')));
    assert_eq!(after(&frame(b'!', b"")), Err(Error::UnknownCommand(b'!')));
    assert_eq!(after(&offer(POSTFIX)), Err(Error::OutOfOrder(b'O')));
    assert_eq!(after(&frame(b'U', b"XYZZY\0")), Ok(2), "not ours to judge");
    let late = [
        frame(b'M', b"<a@b>\0"),
        frame(b'N', b""),
        frame(b'L', b"a\0b\0"),
    ];
    assert_eq!(after(&late.concat()), Err(Error::OutOfOrder(b'L')));
}

#[test]
fn large_bodies_come_in_pieces() {
    let body = b"0123456789abcde\n".repeat(10_000);
    let bytes = [
        offer(POSTFIX),
        connection(),
        transaction("1", &body),
        frame(b'Q', b""),
    ];
    let found = events(&bytes.concat());
    let pieces: Vec<&Vec<u8>> = found
        .iter()
        .filter_map(|event| match event {
            Event::Body(piece) => Some(piece),
            _ => None,
        })
        .collect();
    assert_eq!(pieces.len(), 3);
    assert!(pieces.iter().all(|piece| piece.len() <= BODY_CHUNK));
    assert_eq!(
        pieces.into_iter().flatten().copied().collect::<Vec<_>>(),
        body
    );
}

proptest! {
    #[test]
    fn pieces_do_not_matter(
        pieces in prop::collection::vec(1usize..40, 1..20),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [
            offer(POSTFIX),
            connection(),
            transaction("1", &body),
            frame(b'M', b"<a@b>\0"),
            frame(b'A', b""),
            transaction("2", b""),
            frame(b'Q', b""),
        ].concat();
        let go_on = |_: &Event| Answer::Continue;
        let whole = run(Options::default(), &bytes, &[usize::MAX], go_on);
        prop_assert_eq!(run(Options::default(), &bytes, &pieces, go_on), whole);
    }

    #[test]
    fn header_fields_come_back(
        name in "[!-9;-~]{1,20}",
        value in "[^\0\r\n]{0,30}(\r\n[ \t][^\0\r\n]{0,20}){0,3}",
    ) {
        let wire = format!("{name}\0{}\0", value.replace("\r\n", "\n"));
        let mut out = Vec::new();
        event::header(wire.as_bytes(), true).unwrap().write(&mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), format!("{name}:{value}\r\n"));
    }

    #[test]
    fn any_bytes(
        bytes: Vec<u8>,
        frames in prop::collection::vec((prop::sample::select(b"ABCDEHKLMNOQRTU".to_vec()), any::<Vec<u8>>()), 0..30),
    ) {
        run(Options::default(), &bytes, &[3], |_| Answer::Continue).0.ok();
        let mut all = offer(POSTFIX);
        for (command, data) in frames {
            all.extend(frame(command, &data));
        }
        all.extend(bytes);
        let whole = run(Options::default(), &all, &[usize::MAX], |_| Answer::Continue);
        let pieces = run(Options::default(), &all, &[1, 5], |_| Answer::Continue);
        prop_assert_eq!(whole.0, pieces.0);
    }
}
