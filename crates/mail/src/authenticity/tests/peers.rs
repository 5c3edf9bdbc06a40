//! Second opinions: dkimpy, Mail::DKIM and pyspf, by the same name server.

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::authenticity::fields::Split;
use crate::authenticity::forged;

/// dkimpy and pyspf, each asked by the name server at a port.
const PYTHON: &str = r#"
import sys, dns.resolver
port, what, args = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
asker = dns.resolver.Resolver(configure=False)
asker.nameservers, asker.port = ['127.0.0.1'], port
dns.resolver.default_resolver = asker

def txt(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    try:
        return b''.join(asker.resolve(name, 'TXT')[0].strings)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None

def key(path):
    return open(path, 'rb').read()

if what == 'spf':
    import spf
    for line in sys.stdin.read().splitlines():
        client, sender, helo = line.split('|')
        print(spf.check2(i=client, s=sender, h=helo)[0])
    sys.exit()

import dkim
raw = sys.stdin.buffer.read()
if what == 'verify':
    checked = dkim.DKIM(raw)
    for index in range(int(args[0])):
        try:
            print('pass' if checked.verify(idx=index, dnsfunc=txt) else 'fail')
        except dkim.DKIMException as error:
            print('fail', error)
elif what == 'sign':
    selector, path, algorithm, header, body, length = args
    sys.stdout.buffer.write(dkim.sign(raw, selector.encode(), b'example.test', key(path),
        canonicalize=(header.encode(), body.encode()), signature_algorithm=algorithm.encode(),
        length=length == 'length'))
elif what == 'arc':
    print(dkim.arc_verify(raw, dnsfunc=txt)[0].decode())
elif what == 'seal':
    selector, path = args
    sys.stdout.buffer.write(b''.join(dkim.arc_sign(raw, selector.encode(), b'example.test', key(path),
        b'lists.test')))
"#;

/// Mail::DKIM, asked by the name server at a port: the result of each signature, then of the chain.
const PERL: &str = r#"
use strict;
use Mail::DKIM::Verifier;
use Mail::DKIM::ARC::Verifier;
use Mail::DKIM::DNS;
use Net::DNS;
my $asker = Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $ARGV[0], recurse => 0);
Mail::DKIM::DNS::resolver($asker);
my $kind = $ARGV[1] eq 'arc' ? 'Mail::DKIM::ARC::Verifier' : 'Mail::DKIM::Verifier';
my $checked = $kind->new();
binmode STDIN;
local $/;
$checked->PRINT(<STDIN>);
$checked->CLOSE;
if ($ARGV[1] eq 'arc') { print $checked->result, "\n"; }
else { print $_->result, "\n" for $checked->signatures; }
"#;

/// Mail::DKIM signs with an RSA key.
const SIGN: &str = r#"
use strict;
use Mail::DKIM::Signer;
my $signer = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => $ARGV[0],
    Domain => 'example.test', Selector => 'rsa', KeyFile => $ARGV[1]);
binmode STDIN;
binmode STDOUT;
local $/;
$signer->PRINT(<STDIN>);
$signer->CLOSE;
print $signer->signature->as_string, "\r\n";
"#;

fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let program = command.get_program().to_string_lossy().into_owned();
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{program}: {error}; run .ci/run once"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().ok();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    output.stdout
}

fn python(bind: &Bind, args: &[&str], input: &[u8]) -> Vec<u8> {
    let port = bind.address().port().to_string();
    // The system's own: it has the packages.
    let mut command = Command::new("/usr/bin/python3");
    run(command.args(["-c", PYTHON, &port]).args(args), input)
}

fn words(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output).into_owned();
    let words = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    words.map(str::to_owned).collect()
}

fn dkimpy(bind: &Bind, raw: &[u8], signatures: usize) -> Vec<String> {
    words(&python(bind, &["verify", &signatures.to_string()], raw))
}

fn perl(bind: &Bind, what: &str, raw: &[u8]) -> Vec<String> {
    let port = bind.address().port().to_string();
    words(&run(
        Command::new("perl").args(["-e", PERL, &port, what]),
        raw,
    ))
}

/// Keys as files: RSA in PEM, Ed25519 as dkimpy has it, which is the seed.
fn keys() -> tempfile::TempDir {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rsa"), &*RSA).unwrap();
    let lines = ED.lines().filter(|line| !line.starts_with('-'));
    let der = STANDARD.decode(lines.collect::<String>()).unwrap();
    // RFC 8410 §7: the seed is an octet string within an octet string.
    let at = der
        .windows(4)
        .position(|four| four == [4, 34, 4, 32])
        .unwrap();
    let seed = STANDARD.encode(&der[at + 4..at + 36]);
    std::fs::write(folder.path().join("ed"), seed).unwrap();
    folder
}

/// A text with these line endings and no other.
fn lines(raw: &[u8], ending: &str) -> Vec<u8> {
    let bare: Vec<u8> = raw.iter().copied().filter(|&byte| byte != b'\r').collect();
    let lines: Vec<&[u8]> = bare.split(|&byte| byte == b'\n').collect();
    lines.join(ending.as_bytes())
}

/// A byte of the body and one of a signed field.
fn changed(raw: &[u8]) -> [Vec<u8>; 2] {
    [&b"Dear"[..], b"letter"].map(|word| {
        let mut raw = raw.to_vec();
        let place = raw
            .windows(word.len())
            .rposition(|part| part == word)
            .unwrap();
        raw[place + 1] ^= 1;
        raw
    })
}

#[test]
fn what_we_sign_others_verify() {
    let bind = dns();
    for (signer, kind) in [(rsa(), "rsa"), (ed(), "ed")] {
        let raw = with(&signer.sign(LETTER).unwrap(), LETTER);
        assert_eq!(dkimpy(&bind, &raw, 1), ["pass"], "{kind}");
        for other in changed(&raw) {
            assert_eq!(dkimpy(&bind, &other, 1), ["fail"], "{kind}");
            // Debian's Mail::DKIM knows no Ed25519.
            if kind == "rsa" {
                assert_eq!(perl(&bind, "dkim", &raw), ["pass"], "{kind}");
                assert_eq!(perl(&bind, "dkim", &other), ["fail"], "{kind}");
            }
            assert_eq!(verdicts(&other, &[key(&signer)]), [Verdict::Fail], "{kind}");
        }
    }
    // Mail as it is: every opinion on it is ours.
    let mails = everpost_testkit::corpus::mails().unwrap();
    let step = mails.len() / 25;
    let mut signed = 0;
    for mail in mails.into_iter().step_by(step.max(1)) {
        let raw = lines(&mail.bytes, "\r\n");
        if raw.starts_with(b"From ") || Split::of(&raw).named("DKIM-Signature").next().is_some() {
            continue;
        }
        let Ok(field) = rsa().sign(&raw) else {
            continue;
        };
        signed += 1;
        let raw = with(&field, &raw);
        assert_eq!(
            verdicts(&raw, &[key(&rsa())]),
            [Verdict::Pass],
            "{}",
            mail.name
        );
        assert_eq!(perl(&bind, "dkim", &raw), ["pass"], "{}", mail.name);
    }
    assert!(signed > 5, "{signed}");
}

#[tokio::test]
async fn what_dkimpy_signs_we_verify() {
    let bind = dns();
    let keys = keys();
    for (selector, algorithm) in [("rsa", "rsa-sha256"), ("ed", "ed25519-sha256")] {
        let path = keys.path().join(selector);
        let path = path.to_str().unwrap();
        for header in ["relaxed", "simple"] {
            for body in ["relaxed", "simple"] {
                for length in ["all", "length"] {
                    let args = ["sign", selector, path, algorithm, header, body, length];
                    let field = python(&bind, &args, LETTER);
                    let raw = [&field, LETTER].concat();
                    let checks = check(&bind, &raw).await;
                    assert_eq!(
                        checks.dkim[0].verdict,
                        Verdict::Pass,
                        "{args:?} {checks:#?}"
                    );
                    for other in changed(&raw) {
                        assert_eq!(dkimpy(&bind, &other, 1), ["fail"]);
                        let checks = check(&bind, &other).await;
                        assert_eq!(checks.dkim[0].verdict, Verdict::Fail, "{args:?}");
                    }
                    let longer = [&raw[..], b"PS\r\n"].concat();
                    let expected = match length {
                        "length" => Verdict::Policy,
                        _ => Verdict::Fail,
                    };
                    let checks = check(&bind, &longer).await;
                    assert_eq!(checks.dkim[0].verdict, expected, "{args:?}");
                }
            }
        }
    }
    let path = keys.path().join("rsa");
    let args = [
        "sign",
        "rsa",
        path.to_str().unwrap(),
        "rsa-sha1",
        "relaxed",
        "relaxed",
        "all",
    ];
    let raw = [&python(&bind, &args, LETTER), LETTER].concat();
    let checks = check(&bind, &raw).await;
    assert_eq!(checks.dkim[0].verdict, Verdict::Policy, "{checks:#?}");
}

#[tokio::test]
async fn what_mail_dkim_signs_we_verify() {
    let bind = dns();
    let keys = keys();
    let path = keys.path().join("rsa");
    for form in [
        "relaxed/relaxed",
        "simple/simple",
        "relaxed/simple",
        "simple/relaxed",
    ] {
        let mut command = Command::new("perl");
        command.args(["-e", SIGN, form]).arg(&path);
        let raw = [&run(&mut command, LETTER), LETTER].concat();
        let checks = check(&bind, &raw).await;
        assert_eq!(checks.dkim[0].verdict, Verdict::Pass, "{form} {checks:#?}");
        for other in changed(&raw) {
            let checks = check(&bind, &other).await;
            assert_eq!(checks.dkim[0].verdict, Verdict::Fail, "{form}");
        }
    }
}

#[tokio::test]
async fn seals_are_understood_by_all() {
    let bind = dns();
    let keys = keys();
    let path = keys.path().join("rsa");
    let path = path.to_str().unwrap();
    let mut raw = with(&rsa().sign(LETTER).unwrap(), LETTER);
    // Sealed by turns; at a list on the way the body changes, and the signature of the author breaks.
    for turn in 1..=4_u32 {
        let before = check(&bind, &raw).await;
        let set = if turn % 2 == 1 {
            let set = rsa()
                .seal(&raw, &before, "mx.archive.test")
                .unwrap()
                .unwrap();
            assert_eq!(super::pure::fields_of(&set), 3);
            set.into_bytes()
        } else {
            // It seals what it finds in a field of its own.
            for range in forged(&raw, "lists.test").into_iter().rev() {
                raw.drain(range);
            }
            let header = before.header("lists.test");
            raw = with(&header, &raw);
            python(&bind, &["seal", "rsa", path], &raw)
        };
        raw = [&set[..], &raw].concat();
        let checks = check(&bind, &raw).await;
        assert_eq!(checks.arc.verdict, Verdict::Pass, "{turn} {:?}", checks.arc);
        assert_eq!(
            (checks.arc.sets, checks.arc.selector.as_str()),
            (turn, "rsa")
        );
        assert!(checks.verify_later(&raw).same);
        assert_eq!(words(&python(&bind, &["arc"], &raw)), ["pass"], "{turn}");
        assert_eq!(perl(&bind, "arc", &raw), ["pass"], "{turn}");
        for other in changed(&raw) {
            assert_eq!(words(&python(&bind, &["arc"], &other)), ["fail"]);
            assert_eq!(perl(&bind, "arc", &other), ["fail"]);
            let broken = check(&bind, &other).await;
            assert_eq!(broken.arc.verdict, Verdict::Fail, "{:?}", broken.arc);
            assert_eq!(rsa().seal(&other, &broken, "mx").unwrap(), None);
        }
        // What an earlier one said is sealed, too.
        let text = String::from_utf8(raw.clone()).unwrap();
        let (before, first) = text.split_once("ARC-Authentication-Results: i=1").unwrap();
        let first = first.replacen("spf=pass", "spf=fail", 1);
        let lie = format!("{before}ARC-Authentication-Results: i=1{first}");
        let broken = check(&bind, lie.as_bytes()).await;
        assert_eq!(broken.arc.verdict, Verdict::Fail);
        assert!(broken.arc.reason.starts_with("seal "), "{:?}", broken.arc);
        assert_eq!(perl(&bind, "arc", lie.as_bytes()), ["fail"]);
    }
    let listed = [&raw[..], b"-- \r\nthe list\r\n"].concat();
    let checks = check(&bind, &listed).await;
    assert_eq!(checks.dkim[0].verdict, Verdict::Fail);
    assert_eq!(checks.arc.verdict, Verdict::Fail);
}

#[tokio::test]
async fn spf_is_what_pyspf_says() {
    let records = [
        ("a.test.", "v=spf1 a -all"),
        ("mx.test.", "v=spf1 mx/30 ~all"),
        ("in.test.", "v=spf1 include:a.test ?all"),
        ("out.test.", "v=spf1 -include:a.test +all"),
        ("re.test.", "v=spf1 redirect=mx.test"),
        ("ex.test.", "v=spf1 exists:%{ir}.list.%{d2} -all"),
        ("mac.test.", "v=spf1 a:%{l}.%{o}.users.test -all"),
        ("six.test.", "v=spf1 ip6:2001:db8::/32 -all"),
        ("ptr.test.", "v=spf1 ptr -all"),
        ("bad.test.", "v=spf1 ip4:1.2.3 -all"),
        ("bad2.test.", "v=spf1 nonsense:x -all"),
        ("mod.test.", "v=spf1 unknown=value a:a.test/32 -all"),
        ("bad3.test.", "v=spf1 ++all"),
        ("bad4.test.", "v=spf1 in.test:a +all"),
        ("bad5.test.", "v=spf1 include:bad2.test +all"),
        ("gone.test.", "v=spf1 include:nowhere.test -all"),
        ("empty.test.", "v=spf1"),
        ("other.test.", "v=spf10 +all"),
        ("exp.test.", "v=spf1 -all exp=why.exp.test"),
        ("why.exp.test.", "%{c} may not \"send\" for %{o}"),
        ("deep.test.", "v=spf1 include:deep.test -all"),
        ("UPPER.test.", "V=SPF1 A:a.test -ALL"),
    ];
    let mut zone: String = records.iter().map(|(name, text)| txt(name, text)).collect();
    zone += "a.test. A 192.0.2.1\nmx.test. MX 10 m.mx.test.\nm.mx.test. A 192.0.2.2\n\
        1.2.0.192.list.ex.test. A 127.0.0.2\nann.mac.test.users.test. A 192.0.2.1\n\
        1.2.0.192.in-addr.arpa. PTR host.ptr.test.\nhost.ptr.test. A 192.0.2.1\n";
    let bind = Bind::start(&[(".", &zone)]).unwrap();
    let checker = checker(&bind);
    let mut asked = Vec::new();
    for (name, _) in records {
        for client in ["192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1"] {
            let domain = name.trim_end_matches('.');
            asked.push((client, format!("ann@{domain}"), "a.test"));
            asked.push((client, String::new(), domain));
        }
    }
    let lines: Vec<String> = asked
        .iter()
        .map(|(client, sender, helo)| format!("{client}|{sender}|{helo}"))
        .collect();
    let theirs = words(&python(&bind, &["spf"], lines.join("\n").as_bytes()));
    assert_eq!(theirs.len(), asked.len());
    let raw = Bytes::from_static(LETTER);
    let mut different = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for ((client, sender, helo), theirs) in asked.iter().zip(theirs) {
        let came = Came {
            client: client.parse().unwrap(),
            helo: (*helo).to_owned(),
            sender: sender.clone(),
        };
        let spf = checker.check(&raw, &came).await.spf;
        let ours = spf.verdict.as_str();
        seen.insert(ours);
        if ours != theirs {
            different.push(format!(
                "{client} <{sender}> {helo}: {ours}, pyspf {theirs}"
            ));
        }
        if spf.domain == "exp.test" {
            let why = format!("{client} may not \"send\" for exp.test");
            assert_eq!(spf.reason, why);
        }
    }
    assert!(different.is_empty(), "{different:#?}");
    assert_eq!(seen.len(), 6, "{seen:?}");
}
