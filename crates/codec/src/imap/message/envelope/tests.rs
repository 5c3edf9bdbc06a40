//! Tests of ENVELOPE.

use super::*;
use everpost_domain::message::scan;

fn of(raw: &str) -> String {
    let mut out = Vec::new();
    write_envelope(&mut out, raw.as_bytes(), &scan(raw.as_bytes()));
    String::from_utf8(out).unwrap()
}

/// The example of RFC 3501 §7.4.2 and §8.
#[test]
fn the_example_of_the_rfc() {
    let raw = "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n\
               From: Terry Gray <gray@cac.washington.edu>\r\n\
               Subject: IMAP4rev1 WG mtg summary and minutes\r\n\
               To: imap@cac.washington.edu\r\n\
               cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n\
               Message-Id: <B27397-0100000@cac.washington.edu>\r\n\
               MIME-Version: 1.0\r\n\
               Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n";
    let gray = "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\"))";
    let expected = format!(
        "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" \
         {gray} {gray} {gray} ((NIL NIL \"imap\" \"cac.washington.edu\")) \
         ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")\
         (\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL \
         \"<B27397-0100000@cac.washington.edu>\")"
    );
    assert_eq!(of(raw), expected);
}

#[test]
fn odd_headers() {
    let table = [
        ("\r\n", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
        ("", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
        // Present and empty.
        (
            "Subject:\r\n\r\n",
            "(NIL \"\" NIL NIL NIL NIL NIL NIL NIL NIL)",
        ),
        // Folded; encoded words stay.
        (
            "Subject: =?utf-8?q?=C3=A4?=\r\n b \"c\"\r\n\r\n",
            "(NIL \"=?utf-8?q?=C3=A4?= b \\\"c\\\"\" NIL NIL NIL NIL NIL NIL NIL NIL)",
        ),
        // Raw 8-bit bytes.
        (
            "Subject: ä\r\n\r\n",
            "(NIL {2}\r\nä NIL NIL NIL NIL NIL NIL NIL NIL)",
        ),
        // Sender is its own, Reply-To is empty.
        (
            "From: a@x\r\nSender: b@y\r\nReply-To:\r\n\r\n",
            "(NIL NIL ((NIL NIL \"a\" \"x\")) ((NIL NIL \"b\" \"y\")) ((NIL NIL \"a\" \"x\")) \
             NIL NIL NIL NIL NIL)",
        ),
        (
            "To: undisclosed-recipients:;\r\nTo: root\r\nIn-Reply-To: <a@x>\r\n\r\n",
            "(NIL NIL NIL NIL NIL ((NIL NIL \"undisclosed-recipients\" NIL)(NIL NIL NIL NIL)\
             (NIL NIL \"root\" \"MISSING_DOMAIN\")) NIL NIL \"<a@x>\" NIL)",
        ),
        (
            "Bcc: Ann Lee\r\n\r\n",
            "(NIL NIL NIL NIL NIL NIL NIL ((\"Ann Lee\" NIL \"MISSING_MAILBOX\" \
             \"MISSING_DOMAIN\")) NIL NIL)",
        ),
    ];
    for (raw, expected) in table {
        assert_eq!(of(raw), expected, "{raw}");
    }
}
