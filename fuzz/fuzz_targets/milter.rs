//! Events of a milter connection do not depend on the pieces, and bodies come in small ones.
#![no_main]

use everpost_codec::milter::{Answer, BODY_CHUNK, Error, Event, Session};
use libfuzzer_sys::fuzz_target;

/// What an MTA says before anything else: version 6, all actions, all steps.
const OFFER: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";

fn run(begin: &[u8], input: &[u8], piece: usize) -> (Vec<Event>, Option<Error>, Vec<u8>) {
    let mut session = Session::default();
    let mut events = Vec::new();
    let mut message = Vec::new();
    for piece in [begin, input].concat().chunks(piece) {
        session.push(piece);
        loop {
            match session.next() {
                Ok(Some(event)) => {
                    event.write(&mut message);
                    if let Event::Body(bytes) = &event {
                        assert!(bytes.len() <= BODY_CHUNK);
                    }
                    if event.awaits_answer() {
                        assert!(session.answer(&Answer::Continue));
                    }
                    events.push(event);
                }
                Ok(None) => break,
                Err(error) => return (events, Some(error), session.take_output()),
            }
        }
    }
    (events, None, session.take_output())
}

fuzz_target!(|input: &[u8]| {
    let [piece, negotiated, input @ ..] = input else {
        return;
    };
    let begin = if negotiated % 2 == 0 { OFFER } else { &[] };
    let whole = run(begin, input, usize::MAX);
    assert_eq!(whole, run(begin, input, usize::from(*piece) + 1));
});
