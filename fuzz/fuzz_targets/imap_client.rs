//! Whatever a server says, and in whatever pieces, the client hears the same; a message is as long as it was announced, and what may have
//! been carried out is not called unsent.
#![no_main]

use everpost_codec::imap::client::{Client, Event, Fate, LiteralPlus, Request};
use libfuzzer_sys::fuzz_target;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nend";

fn request(number: usize) -> Request {
    match number % 4 {
        0 => Request::new("UID FETCH 1:* (FLAGS)"),
        1 => Request::new("UID FETCH 5 (UID BODY.PEEK[])").streaming(),
        2 => Request::new("IDLE").talking(),
        _ => Request::new("APPEND x").message(MESSAGE.len() as u64, false).changing(),
    }
}

/// What is told, with a message's pieces joined.
fn hear(flags: u8, input: &[u8], piece: usize) -> Vec<String> {
    let mut client = Client::new();
    client.literal_plus = if flags & 1 == 0 { LiteralPlus::Never } else { LiteralPlus::Any };
    let (mut told, mut sent) = (Vec::new(), usize::from(flags >> 1));
    let mut message: Option<(u64, u64)> = None;
    for mut piece in input.chunks(piece) {
        while let Some(event) = client.next(&mut piece) {
            assert!(client.output().len() <= 1 << 16);
            client.written(usize::MAX);
            match event {
                Event::Begins(octets) => message = Some((octets, 0)),
                Event::Piece(bytes) => {
                    if let Some((_, heard)) = &mut message {
                        *heard += bytes.len() as u64;
                    }
                    continue;
                }
                Event::Ends => {
                    let (octets, heard) = message.take().unwrap();
                    assert_eq!(octets, heard);
                }
                Event::Message => {
                    assert_eq!(client.fate(), Fate::NotSent);
                    client.message(MESSAGE).unwrap();
                    assert_eq!(client.fate(), Fate::Unknown);
                }
                Event::Challenge(_) => client.reply("DONE").unwrap(),
                Event::Fault(fault) => {
                    told.push(format!("{fault:?}"));
                    return told;
                }
                ref event => told.push(format!("{event:?}")),
            }
            if client.is_ready() {
                client.send(request(sent)).unwrap();
                sent += 1;
            }
        }
    }
    told
}

fuzz_target!(|input: &[u8]| {
    let [flags, piece, input @ ..] = input else {
        return;
    };
    let whole = hear(*flags, input, input.len().max(1));
    assert_eq!(whole, hear(*flags, input, usize::from(*piece) + 1));
});
