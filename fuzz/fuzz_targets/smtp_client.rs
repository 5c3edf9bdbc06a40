//! Whatever a server says, each transaction that was begun is reported once, and the client writes within
//! its limits.
#![no_main]

use everpost_codec::smtp::client::{Client, Config, Envelope, Event, Login, StartTls, Verdict};
use everpost_codec::smtp::{Mail, Protocol, Rcpt, Secret, Survey};
use libfuzzer_sys::fuzz_target;

const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.\r\n..\r\nend";

fn envelope() -> Envelope {
    let mut survey = Survey::new();
    survey.push(MESSAGE);
    let to = ["ann@x.org", "\"b c\"@x.org", "dan@[192.0.2.1]"];
    Envelope {
        mail: Mail::default(),
        recipients: to.iter().map(|to| Rcpt::new(to.parse().unwrap())).collect(),
        content: survey.finish(),
    }
}

fuzz_target!(|input: &[u8]| {
    let [flags, piece, input @ ..] = input else {
        return;
    };
    let protocol = if flags & 1 == 0 { Protocol::Smtp } else { Protocol::Lmtp };
    let mut config = Config::new("c.test", protocol);
    config.starttls = match flags & 6 {
        0 => StartTls::Off,
        2 => StartTls::Required,
        _ => StartTls::Opportunistic,
    };
    config.login_in_clear = true;
    config.login = (flags & 8 != 0).then(|| Login {
        user: "ann".to_owned(),
        password: Secret::new("pw"),
    });
    let mut client = Client::new(config);
    let (mut begun, mut reported) = (0, 0);
    for mut piece in input.chunks(usize::from(*piece) + 1) {
        while let Some(event) = client.next(&mut piece) {
            match event {
                Event::StartTls => client.tls_started(),
                Event::Ready => {
                    client.send(envelope()).unwrap();
                    begun += 1;
                }
                Event::Body => {
                    for piece in MESSAGE.chunks(7) {
                        client.body(piece).unwrap();
                    }
                    client.end().unwrap();
                }
                Event::Done(report) => {
                    assert_eq!(report.outcomes.len(), 3);
                    reported += 1;
                }
                Event::Failed(outcome) => assert_ne!(outcome.verdict, Verdict::Accepted),
                Event::Closed => {}
            }
        }
        assert!(client.output().len() <= 64 << 10);
        client.written(usize::MAX);
    }
    reported += usize::from(client.lost().is_some());
    assert_eq!(begun, reported);
    assert!(client.is_closed() && client.lost().is_none());
});
