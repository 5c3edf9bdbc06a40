//! A session tells the same whatever the pieces, and no message is longer than it was announced; what its grammar takes, it
//! takes without a session too.
#![no_main]

use everpost_codec::imap::command::Command;
use everpost_codec::imap::server::{Config, Event, Mechanism, Session};
use everpost_codec::imap::{Pattern, name, parse};
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
    let mut announced = 0;
    for mut piece in input.chunks(piece) {
        loop {
            let event = session.next(&mut piece);
            assert!(session.output().len() <= 1 << 20);
            heard.said.extend_from_slice(session.output());
            session.written(usize::MAX);
            match event {
                None if piece.is_empty() => break,
                None => {}
                Some(Event::Bytes(bytes)) => heard.message.extend_from_slice(bytes),
                Some(event) => {
                    match &event {
                        Event::Message(appended) => announced = appended.size,
                        Event::MessageEnd => assert_eq!(announced, heard.message.len() as u64),
                        Event::StartTls => session.tls_started(),
                        _ => {}
                    }
                    heard.told.push(format!("{event:?} {:?}", heard.message));
                    heard.message.clear();
                    match &event {
                        Event::Message(appended) if appended.flags.is_empty() => {
                            session.no(None, "no")
                        }
                        Event::Message(_) => session.go_on(),
                        Event::Command {
                            command: Command::Idle,
                            ..
                        } => session.go_on(),
                        Event::Append { .. } | Event::MessageEnd => {}
                        _ => session.ok(None, "ok"),
                    }
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
    let utf8 = flags & 1 != 0;
    if let Ok((_, Command::List(list))) = parse(input, utf8) {
        for pattern in &list.patterns {
            Pattern::new(&list.reference, pattern).matches(name::INBOX);
        }
    }
    if let Ok(name) = name::decode(input, utf8) {
        assert_eq!(
            name::decode(name::encode(&name, utf8).as_bytes(), utf8),
            Ok(name)
        );
    }
    let mut config = Config::new("mail.test");
    config.auth_in_clear = flags & 2 != 0;
    config.tls = true;
    config.auth = vec![
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::OAuthBearer,
        Mechanism::XOAuth2,
    ];
    config.max_message = 1_000;
    config.max_command = 1_000;
    config.max_command_before_login = 1_000;
    config.max_passed_over = 2_000;
    let whole = hear(&config, input, usize::MAX);
    assert_eq!(whole, hear(&config, input, usize::from(*piece) + 1));
    // Behind a login there is more to find.
    let known = [&b"0 LOGIN a b\r\n1 SELECT x\r\n"[..], input].concat();
    let whole = hear(&config, &known, usize::MAX);
    assert_eq!(whole, hear(&config, &known, usize::from(*piece) + 1));
});
