//! A session tells the same whatever the pieces, never loses count of what it holds, and ends a message
//! nowhere but where CRLF `.` CRLF or a chunk ends.
#![no_main]

use everpost_codec::smtp::server::{Abandoned, Config, Event, Session};
use everpost_codec::smtp::{Mechanism, Protocol, Reply};
use libfuzzer_sys::fuzz_target;

/// What was said and told, with a message's pieces joined.
#[derive(Debug, PartialEq, Default)]
struct Heard {
    said: Vec<u8>,
    told: Vec<String>,
    message: Vec<u8>,
}

fn hear(config: &Config, input: &[u8], piece: usize) -> Heard {
    let mut session = Session::new(config.clone());
    session.greet();
    let mut heard = Heard::default();
    for mut piece in input.chunks(piece) {
        loop {
            let event = session.next(&mut piece);
            assert!(session.output().len() <= 1 << 20);
            heard.said.extend_from_slice(session.output());
            session.written(usize::MAX);
            match event {
                None if piece.is_empty() => break,
                None => {}
                Some(Event::Body(bytes)) => heard.message.extend_from_slice(bytes),
                Some(event) => {
                    match &event {
                        Event::BodyEnd(content) => {
                            assert_eq!(content.size, heard.message.len() as u64);
                        }
                        Event::StartTls => session.tls_started(),
                        _ => {}
                    }
                    if matches!(event, Event::Abandoned(why) if why != Abandoned::Reset) {
                        heard.message.clear();
                    }
                    heard.told.push(format!("{event:?} {:?}", heard.message));
                    heard.message.clear();
                    if let Event::Rcpt(rcpt) = &event
                        && rcpt.to.as_str().starts_with('n')
                    {
                        session.answer(&Reply::new(550, [1, 1], "no"));
                    }
                    session.accept();
                    session.answer_rest(&Reply::new(250, [0, 0], "ok"));
                }
            }
        }
    }
    // Of a message that is under way, the pieces decide how much was given.
    heard.message.clear();
    heard
}

fuzz_target!(|input: &[u8]| {
    let [flags, piece, input @ ..] = input else {
        return;
    };
    let protocol = if flags & 1 == 0 { Protocol::Smtp } else { Protocol::Lmtp };
    let mut config = Config::new("mx.test", protocol);
    config.bare_line_ends = flags & 2 != 0;
    config.nul_in_data = flags & 4 != 0;
    config.tls = flags & 8 != 0;
    config.auth_in_clear = true;
    config.offers.binary = flags & 16 != 0;
    config.offers.auth = vec![Mechanism::Plain, Mechanism::Login, Mechanism::OAuthBearer];
    config.max_size = 1_000;
    config.max_passed_over = 1_000;
    let whole = hear(&config, input, usize::MAX);
    assert_eq!(whole, hear(&config, input, usize::from(*piece) + 1));
});
