//! Postfix shows each mail to the service before it takes it.

use everpost_testkit::peers::Postfix;

use crate::Archive;
use crate::client::Client;

fn letter(number: usize) -> Vec<u8> {
    format!(
        "From: ann@example.test\r\nTo: u1@example.test\r\nSubject: {number}\r\n\
         Message-ID: <{number}@example.test>\r\n\r\nLetter {number}\r\n"
    )
    .into_bytes()
}

#[test]
fn postfix_takes_nothing_that_is_not_archived() {
    let archive = Archive::new("domains = ['example.test']");
    let postfix = Postfix::filtering().unwrap();
    let listen = format!("milter={}", postfix.archive());
    let to = ["u1@example.test", "hidden@example.test"];
    let send = |number: usize| {
        let (mut client, greeting) = Client::greeted(postfix.address());
        // Without its filter Postfix says so at once, or for each sender.
        if !greeting.starts_with("220 ") {
            return greeting;
        }
        client.say("EHLO client.test");
        client.send("ann@example.test", &to, &letter(number))
    };
    let mut taken = Vec::new();
    let mut refused = 0;
    for round in 0..3 {
        for place in 0..3 {
            // The service is down.
            let said = send(round * 10 + place);
            assert!(said.starts_with('4'), "{said}");
            refused += 1;
        }
        let service = archive.serve(&listen);
        for place in 0..5 {
            let said = send(round * 10 + place);
            assert!(said.starts_with("250 "), "{said}");
            taken.push(round * 10 + place);
        }
        match round {
            0 => service.stop(),
            _ => service.kill(),
        }
    }
    println!("{} taken, {refused} held up", taken.len());
    let copies = archive.copies();
    assert_eq!(copies.len(), taken.len());
    archive.within(false, async |tenant| {
        let mut kept = Vec::new();
        for id in &copies {
            kept.push(tenant.raw(id).await.unwrap());
            let came = tenant.deliveries(id).await.unwrap();
            assert_eq!(came.len(), 1);
            let envelope = came[0].envelope.clone().unwrap();
            assert_eq!(envelope.sender, "ann@example.test");
            assert_eq!(envelope.recipients, to);
        }
        for number in taken {
            assert!(kept.contains(&letter(number)), "{number}");
        }
    });
}
