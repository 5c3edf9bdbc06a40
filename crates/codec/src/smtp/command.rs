//! The commands that a client gives, read from their lines.

use super::envelope::{EnvelopeFault, Mail, Rcpt};
use super::extensions::Extensions;
use super::limits;
use super::reply::Reply;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Hello {
        verb: Hello,
        name: String,
    },
    Mail(Mail),
    Rcpt(Rcpt),
    Data,
    Bdat {
        octets: u64,
        last: bool,
    },
    Reset,
    Noop,
    Quit,
    Verify,
    Expand,
    Help,
    StartTls,
    Auth {
        mechanism: String,
        initial: Option<String>,
    },
}

/// The ways to say hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hello {
    Helo,
    Ehlo,
    Lhlo,
}

/// Why a line is not a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The answer to it.
    Reply(Reply),
    /// A chunk follows whose size is not known: nothing after it can be told apart.
    Lost(Reply),
    /// A browser or a tool speaks, probably made to by somebody else: nothing it says is obeyed.
    Foreign,
}

/// Reads a line.
pub(super) fn parse(line: &[u8], offers: &Extensions) -> Result<Command, Fault> {
    if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
        return Err(refuse(500, [5, 2], "CR or NUL in a command"));
    }
    let not_utf8 = |_| refuse(500, [5, 2], "not UTF-8");
    let line = std::str::from_utf8(line).map_err(not_utf8)?;
    let (verb, rest) = line
        .trim_end_matches(' ')
        .split_once(' ')
        .unwrap_or((line.trim_end_matches(' '), ""));
    let verb = verb.to_ascii_uppercase();
    match verb.as_str() {
        "HELO" => hello(Hello::Helo, rest),
        "EHLO" => hello(Hello::Ehlo, rest),
        "LHLO" => hello(Hello::Lhlo, rest),
        "MAIL" => {
            let path = argument(rest, "FROM:").ok_or_else(|| syntax("MAIL FROM:<address>"))?;
            Mail::parse(path, offers)
                .map(Command::Mail)
                .map_err(|fault| envelope(fault, [1, 7]))
        }
        "RCPT" => {
            let path = argument(rest, "TO:").ok_or_else(|| syntax("RCPT TO:<address>"))?;
            Rcpt::parse(path, offers)
                .map(Command::Rcpt)
                .map_err(|fault| envelope(fault, [1, 3]))
        }
        "DATA" => alone(rest, Command::Data),
        "BDAT" => bdat(rest),
        "RSET" => alone(rest, Command::Reset),
        "QUIT" => alone(rest, Command::Quit),
        "STARTTLS" => alone(rest, Command::StartTls),
        "NOOP" => Ok(Command::Noop),
        "HELP" => Ok(Command::Help),
        "VRFY" if !rest.is_empty() => Ok(Command::Verify),
        "EXPN" if !rest.is_empty() => Ok(Command::Expand),
        "VRFY" | "EXPN" => Err(syntax("VRFY address")),
        "AUTH" => auth(rest),
        "GET" | "POST" | "PUT" | "HEAD" | "OPTIONS" | "CONNECT" | "HOST:" => Err(Fault::Foreign),
        _ => Err(refuse(500, [5, 1], "command not recognized")),
    }
}

fn refuse(code: u16, detail: [u16; 2], text: &str) -> Fault {
    Fault::Reply(Reply::new(code, detail, text))
}

fn syntax(usage: &str) -> Fault {
    refuse(501, [5, 4], &format!("syntax: {usage}"))
}

fn envelope(fault: EnvelopeFault, address: [u16; 2]) -> Fault {
    match fault {
        EnvelopeFault::Command => refuse(501, [5, 4], "a blank before each parameter"),
        EnvelopeFault::Address => refuse(501, address, "bad address syntax"),
        EnvelopeFault::Parameter => refuse(501, [5, 4], "bad parameter"),
        EnvelopeFault::Unknown => refuse(555, [5, 4], "parameter not offered"),
        EnvelopeFault::NeedsUtf8 => refuse(553, [6, 7], "address needs SMTPUTF8"),
    }
}

/// What follows `keyword`. Blanks after the colon are wrong and common, and change nothing.
fn argument<'r>(rest: &'r str, keyword: &str) -> Option<&'r str> {
    let (start, path) = rest
        .trim_start_matches(' ')
        .split_at_checked(keyword.len())?;
    start
        .eq_ignore_ascii_case(keyword)
        .then(|| path.trim_start_matches(' '))
}

fn alone(rest: &str, command: Command) -> Result<Command, Fault> {
    match rest.trim() {
        "" => Ok(command),
        _ => Err(syntax("no argument")),
    }
}

/// The name is kept for the record, not believed, so any word will do.
fn hello(verb: Hello, rest: &str) -> Result<Command, Fault> {
    let name = rest.trim_matches(' ');
    let word = !name.is_empty() && name.len() <= limits::DOMAIN;
    if !word || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::Reply(Reply::plain(501, "syntax: EHLO name")));
    }
    Ok(Command::Hello {
        verb,
        name: name.to_owned(),
    })
}

fn bdat(rest: &str) -> Result<Command, Fault> {
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let octets = words.next().filter(|word| {
        (1..=20).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
    });
    let octets = octets.and_then(|word| word.parse().ok());
    let last = match words.next() {
        None => Some(false),
        Some(word) => word.eq_ignore_ascii_case("LAST").then_some(true),
    };
    match (octets, last, words.next()) {
        (Some(octets), Some(last), None) => Ok(Command::Bdat { octets, last }),
        _ => Err(Fault::Lost(Reply::new(
            501,
            [5, 4],
            "syntax: BDAT octets [LAST]",
        ))),
    }
}

fn auth(rest: &str) -> Result<Command, Fault> {
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    match (words.next(), words.next(), words.next()) {
        (Some(mechanism), initial, None) => Ok(Command::Auth {
            mechanism: mechanism.to_owned(),
            initial: initial.map(str::to_owned),
        }),
        _ => Err(syntax("AUTH mechanism [initial-response]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::{BodyType, Mailbox, Mechanism, Notify, OriginalRecipient, Path, Return};
    use proptest::prelude::*;

    fn all() -> Extensions {
        Extensions {
            eight_bit: true,
            smtputf8: true,
            dsn: true,
            priorities: true,
            size: Some(0),
            auth: vec![Mechanism::Plain],
            ..Extensions::default()
        }
    }

    fn code(line: &str, offers: &Extensions) -> u16 {
        match parse(line.as_bytes(), offers) {
            Ok(_) => 0,
            Err(Fault::Reply(reply) | Fault::Lost(reply)) => reply.code,
            Err(Fault::Foreign) => 1,
        }
    }

    #[test]
    fn mail() {
        let line = "mail from:<ann@x.org> size=12 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=<> MT-PRIORITY=-3";
        let mail = Mail {
            from: Path::Mailbox("ann@x.org".parse().unwrap()),
            size: Some(12),
            body: Some(BodyType::EightBit),
            smtputf8: true,
            ret: Some(Return::Headers),
            envid: Some("a+b".into()),
            auth: Some("<>".into()),
            priority: Some(-3),
        };
        assert_eq!(parse(line.as_bytes(), &all()), Ok(Command::Mail(mail)));
        assert_eq!(
            parse(b"MAIL FROM: <>  ", &all()),
            Ok(Command::Mail(Mail::default()))
        );
    }

    #[test]
    fn rcpt() {
        let line = "RCPT TO:<@hop.org:\"a b\"@x.org> NOTIFY=SUCCESS,delay ORCPT=rfc822;bob+40y.org";
        let rcpt = Rcpt {
            to: Mailbox::parse("\"a b\"@x.org").unwrap(),
            notify: Some(Notify::On {
                success: true,
                failure: false,
                delay: true,
            }),
            original: Some(OriginalRecipient {
                kind: "rfc822".into(),
                address: "bob@y.org".into(),
            }),
        };
        assert_eq!(parse(line.as_bytes(), &all()), Ok(Command::Rcpt(rcpt)));
    }

    #[test]
    fn refused() {
        let cases = [
            (500, "XCLIENT NAME=x"),
            (500, "MAILFROM:<a@b>"),
            (500, ""),
            (500, " EHLO x"),
            (500, "NOOP a\rb"),
            (500, "NOOP \0"),
            (501, "EHLO"),
            (501, "EHLO a b"),
            (501, "EHLO é"),
            (501, "MAIL <a@b>"),
            (501, "MAIL FROM:a@b"),
            (501, "MAIL FROM:<a b>"),
            (501, "MAIL FROM:<a@b>SIZE=1"),
            (501, "MAIL FROM:<a@b> SIZE=1 SIZE=1"),
            (501, "MAIL FROM:<a@b> SIZE=+1"),
            (501, "MAIL FROM:<a@b> SIZE"),
            (501, "MAIL FROM:<a@b> SIZE="),
            (501, "MAIL FROM:<a@b> SIZE=99999999999999999999"),
            (501, "MAIL FROM:<a@b> RET=BODY"),
            (501, "MAIL FROM:<a@b> ENVID=a=b"),
            (501, "MAIL FROM:<a@b> MT-PRIORITY=10"),
            (501, "MAIL FROM:<a@b> SMTPUTF8=1"),
            (553, "MAIL FROM:<é@b>"),
            (555, "MAIL FROM:<a@b> BODY=BINARYMIME"),
            (555, "MAIL FROM:<a@b> BODY=9BIT"),
            (555, "MAIL FROM:<a@b> XYZ=1"),
            (501, "RCPT TO:<>"),
            (501, "RCPT TO:<a@b> NOTIFY=NEVER,SUCCESS"),
            (501, "RCPT TO:<a@b> NOTIFY=,"),
            (501, "RCPT TO:<a@b> ORCPT=a@b"),
            (501, "RCPT TO:<a@b> ORCPT=rfc822;a+0Ab"),
            (555, "RCPT TO:<a@b> SIZE=1"),
            (501, "DATA now"),
            (501, "RSET x"),
            (501, "QUIT x"),
            (501, "STARTTLS x"),
            (501, "VRFY"),
            (501, "BDAT"),
            (501, "BDAT x"),
            (501, "BDAT -1"),
            (501, "BDAT 1 LAS"),
            (501, "BDAT 1 LAST x"),
            (501, "AUTH"),
            (501, "AUTH PLAIN a b"),
            (1, "GET / HTTP/1.1"),
            (1, "POST / HTTP/1.1"),
        ];
        for (expected, line) in cases {
            assert_eq!(code(line, &all()), expected, "{line}");
        }
        assert_eq!(
            parse(b"NOOP \xff", &all()),
            Err(refuse(500, [5, 2], "not UTF-8"))
        );
        for line in [
            "MAIL FROM:<a@b> SIZE=1",
            "MAIL FROM:<a@b> BODY=7BIT",
            "MAIL FROM:<é@b> SMTPUTF8",
            "MAIL FROM:<a@b> ENVID=a",
            "MAIL FROM:<a@b> AUTH=<>",
            "MAIL FROM:<a@b> MT-PRIORITY=1",
            "RCPT TO:<a@b> NOTIFY=NEVER",
        ] {
            assert_eq!(code(line, &all()), 0, "{line}");
            assert_eq!(code(line, &Extensions::default()), 555, "{line}");
        }
    }

    #[test]
    fn taken() {
        for line in [
            "NOOP",
            "noop anything at all",
            "HELP me",
            "DATA  ",
            "bdat 0 last",
            "BDAT 5",
            "VRFY a",
            "EXPN a",
            "auth plain =",
            "LHLO [1.2.3.4]",
        ] {
            assert_eq!(code(line, &all()), 0, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line(line in proptest::collection::vec(any::<u8>(), 0..80), text in "(MAIL FROM:|RCPT TO:|AUTH |BDAT )?[<>@a\". =+;\\\\]{0,20}") {
            let _ = parse(&line, &all());
            let _ = parse(text.as_bytes(), &all());
        }
    }
}
