//! Mail that is the same at every telling.

use bytes::Bytes;
use everpost_domain::digest::Digest;
use everpost_domain::identity::Origin;
use everpost_domain::message::HeldEvidence;
use everpost_store::{Envelope, Incoming, Onward, Placement, Prepared};
use everpost_testkit::letters::Letters;

pub(crate) const ANN: &str = "ann@example.org";
pub(crate) const BOB: &str = "Bob@Example.ORG";
pub(crate) const YUKI: &str = "yuki@例え.jp";

/// When everything was imported, in seconds.
const IMPORTED: i64 = 1_700_000_000;

/// A mail with a name for people.
pub(crate) struct Mail {
    pub(crate) name: &'static str,
    pub(crate) raw: Vec<u8>,
}

impl Mail {
    pub(crate) fn id(&self) -> Digest {
        Digest::of(&self.raw)
    }
}

/// All mail of the story, by name.
pub(crate) struct Mails {
    pub(crate) named: Vec<Mail>,
    /// Many short letters: they fill a tile of the log.
    pub(crate) crowd: Vec<Vec<u8>>,
}

impl Mails {
    pub(crate) fn new() -> Self {
        let mut letters = Letters::new(7);
        let (file, large) = (letters.noise(20_000), letters.noise(5 << 20));
        let plain = letters.letter(600);
        let resent = again(&plain, "relay.example.org");
        let resent_twice = again(&resent, "other.example.org");
        let mut named = vec![
            Mail {
                name: "plain",
                raw: plain,
            },
            Mail {
                name: "resent",
                raw: resent,
            },
            Mail {
                name: "resent twice",
                raw: resent_twice,
            },
            Mail {
                name: "with file",
                raw: letters.letter_with(400, &file),
            },
            Mail {
                name: "same file",
                raw: letters.letter_with(90, &file),
            },
            Mail {
                name: "large",
                raw: letters.letter_with(300, &large),
            },
        ];
        named.extend(written().map(|(name, text)| Mail {
            name,
            raw: text.replace('\n', "\r\n").into_bytes(),
        }));
        named.push(Mail {
            name: "malformed",
            raw: b"Subject: =?utf-8?B?//8=?=\r\nDate: never\r\nContent-Type: multipart/mixed; boundary=\"none\r\n\r\n\x00\xff--none\r\n\r\nquarterly noise".to_vec(),
        });
        named.push(Mail {
            name: "empty",
            raw: Vec::new(),
        });
        Mails {
            named,
            crowd: (0..260).map(|_| letters.letter(50)).collect(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> &Mail {
        let found = self.named.iter().find(|mail| mail.name == name);
        found.unwrap_or_else(|| panic!("there is no mail called {name}"))
    }

    pub(crate) fn id(&self, name: &str) -> Digest {
        self.get(name).id()
    }

    /// Items of these mails, as their owners' INBOX holds them.
    pub(crate) fn items(&self, names: &[&str]) -> Vec<Prepared> {
        let items = names.iter().map(|name| prepared(&self.get(name).raw));
        items.collect()
    }
}

fn again(mail: &[u8], relay: &str) -> Vec<u8> {
    let field = format!("Received: by {relay}; 03 Mar 2021 10:00:00 +0000\n");
    [field.as_bytes(), mail].concat()
}

/// A mail in a folder of Ann's, seen.
pub(crate) fn prepared(raw: &[u8]) -> Prepared {
    prepared_at(raw, vec![place(ANN, "INBOX", 1, &["$Work"])])
}

pub(crate) fn prepared_at(raw: &[u8], places: Vec<Placement>) -> Prepared {
    prepared_with(raw, places, None)
}

pub(crate) fn prepared_with(
    raw: &[u8],
    places: Vec<Placement>,
    envelope: Option<Envelope>,
) -> Prepared {
    let incoming = Incoming {
        raw: Bytes::copy_from_slice(raw),
        origin: match envelope {
            Some(_) => Origin::EventSink,
            None => Origin::Other,
        },
        held: HeldEvidence::default(),
        position: raw.len() as u64,
        envelope,
        places,
        owners: Vec::new(),
        report_of: None,
        onward: None,
    };
    Prepared::new(incoming, IMPORTED)
}

/// A mail on its way to somebody.
pub(crate) fn prepared_onward(raw: &[u8], onward: Onward) -> Prepared {
    let envelope = Envelope {
        sender: onward.sender.clone(),
        recipients: onward
            .legs
            .iter()
            .map(|leg| leg.recipient.clone())
            .collect(),
        found: b"nothing looked at".to_vec(),
    };
    let incoming = Incoming {
        raw: Bytes::copy_from_slice(raw),
        origin: Origin::EventSink,
        held: HeldEvidence::default(),
        position: 0,
        envelope: Some(envelope),
        places: Vec::new(),
        owners: Vec::new(),
        report_of: None,
        onward: Some(onward),
    };
    Prepared::new(incoming, IMPORTED)
}

pub(crate) fn place(mailbox: &str, folder: &str, flags: u32, keywords: &[&str]) -> Placement {
    Placement {
        mailbox: mailbox.into(),
        folder: folder.into(),
        flags,
        keywords: keywords.iter().map(|word| (*word).into()).collect(),
    }
}

fn written() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        (
            "root",
            "From: Ann <ann@example.org>\nTo: Bob <bob@example.org>\nDate: Mon, 04 Mar 2019 09:00:00 +0100\nSubject: Quarterly figures\nMessage-ID: <root@example.org>\n\nThe quarterly figures are attached, says the sailor.\n",
        ),
        (
            "reply",
            "From: Bob <bob@example.org>\nTo: Ann <ann@example.org>\nCc: Carol <carol@sales.example.org>\nDate: Mon, 04 Mar 2019 10:00:00 +0100\nSubject: Re: Quarterly figures\nMessage-ID: <reply@example.org>\nIn-Reply-To: <root@example.org>\nReferences: <root@example.org>\n\nNothing is attached. Figures of which quarter?\n",
        ),
        (
            "second reply",
            "From: Ann <ann@example.org>\nTo: Bob <bob@example.org>\nDate: Tue, 05 Mar 2019 08:00:00 +0100\nSubject: Re: Re: Quarterly figures\nMessage-ID: <third@example.org>\nReferences: <root@example.org> <reply@example.org>\n\nThe last quarter. Sailors know.\n",
        ),
        (
            "japanese",
            "From: =?utf-8?B?6Zuq?= <yuki@xn--r8jz45g.jp>\nTo: ann@example.org\nDate: Fri, 01 Apr 2016 12:00:00 +0900\nSubject: =?utf-8?B?5Zub5Y2K5pyf44Gu5aCx5ZGK?=\nMessage-ID: <yuki@example.jp>\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n四半期の報告をお送りします。京都は雨です。\n",
        ),
        (
            "no id",
            "From: Nobody <nobody@example.net>\nTo: ann@example.org\nDate: Wed, 12 Jun 2013 07:30:00 -0500\nSubject: no identity\n\nA message without any id, about parity.\n",
        ),
        (
            "no id, other route",
            "Received: by somewhere.example.net; Wed, 12 Jun 2013 07:31:00 -0500\nFrom: Nobody <nobody@example.net>\nTo: ann@example.org\nDate: Wed, 12 Jun 2013 07:30:00 -0500\nSubject: no identity\n\nA message without any id, about parity.\n",
        ),
        (
            "list",
            "From: Dana <dana@lists.example.com>\nTo: readers@lists.example.com\nDate: Sun, 30 Dec 2012 23:59:59 +0000\nSubject: Weekly digest of the list\nMessage-ID: <digest@lists.example.com>\nList-Id: Readers <readers.lists.example.com>\nX-Mailer: pigeon post\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n<html><body><h1>Parity</h1><p>The <b>weekly</b> digest, with a discussion of disks and of the sea.</p></body></html>\n",
        ),
        (
            "papers",
            "From: Erin <erin@sales.example.org>\nTo: ann@example.org\nDate: Thu, 02 Jan 2020 15:00:00 +0000\nSubject: three papers\nMessage-ID: <papers@example.org>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nThree papers come with this.\n--b\nContent-Type: application/x-test; name=open.dat\n\nthe harbour at night\n--b\nContent-Type: application/x-test; name=sealed.dat\n\nsealed\n--b\nContent-Type: application/x-test; name=crash.dat\n\ncrash\n--b--\n",
        ),
        (
            "same paper",
            "From: Erin <erin@sales.example.org>\nTo: bob@example.org\nDate: Fri, 03 Jan 2020 15:00:00 +0000\nSubject: one of the papers\nMessage-ID: <paper@example.org>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nOne of them again.\n--b\nContent-Type: application/x-test; name=open.dat\n\nthe harbour at night\n--b--\n",
        ),
        (
            "withdrawn",
            "From: Mallory <mallory@example.net>\nTo: ann@example.org\nDate: Sat, 04 Jan 2020 10:00:00 +0000\nSubject: imported by mistake\nMessage-ID: <mistake@example.net>\n\nThis import will be withdrawn, like the sailor.\n",
        ),
        (
            "imported",
            "From: Frank <frank@example.net>\nTo: bob@example.org\nDate: Sun, 05 Jan 2020 10:00:00 +0000\nSubject: imported on purpose\nMessage-ID: <purpose@example.net>\n\nThis import stays.\n",
        ),
        (
            "late",
            "From: Grace <grace@example.org>\nTo: Bob <bob@example.org>\nDate: Mon, 06 Jan 2020 10:00:00 +0000\nSubject: Re: Quarterly figures\nMessage-ID: <late@example.org>\nReferences: <root@example.org>\n\nA late answer to the sailor.\n",
        ),
    ]
    .into_iter()
}
