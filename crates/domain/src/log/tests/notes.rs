//! Notes, checkpoints and fork notices.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const SIGNATURE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2\
                         pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

fn signer(name: &str, byte: u8) -> Signer {
    Signer::from_seed(name, &[byte; 32]).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new("mail.example/log/e1", 300, leaf(0)).unwrap()
}

/// The example of Go's `golang.org/x/mod/sumdb/note`, which defined the format.
#[test]
fn the_note_of_go() {
    let key: VerifierKey = PETER.parse().unwrap();
    assert_eq!(key.to_string(), PETER);
    assert_eq!(key.name(), "PeterNeumann");
    assert_eq!(key.id(), [0xc7, 0x4f, 0x20, 0xa3]);
    let text = format!("{TEXT}\n{SIGNATURE}\n");
    let note = Note::parse(text.as_bytes()).unwrap();
    assert_eq!(note.text(), TEXT);
    assert_eq!(note.verify(&key), Ok(()));
    assert_eq!(note.to_string(), text);
    let changed = text.replace("answer", "Answer");
    let false_signature = Err(NoteError::FalseSignature("PeterNeumann".to_owned()));
    assert_eq!(
        Note::parse(changed.as_bytes()).unwrap().verify(&key),
        false_signature
    );
}

/// Go's example of signing: the same key and text give the same signature.
#[test]
fn the_signature_of_go() {
    let secret = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";
    let seed = STANDARD.decode(secret).unwrap().try_into().unwrap();
    let peter = Signer::from_seed("PeterNeumann", &seed).unwrap();
    assert_eq!(peter.key().to_string(), PETER);
    let note = Note::sign(TEXT, &peter).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n{SIGNATURE}\n"));
}

/// RFC 8032 §7.1, test 1: the seed gives this public key.
#[test]
fn the_key_of_a_seed() {
    let digest: Digest = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
        .parse()
        .unwrap();
    let public: Digest = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        .parse()
        .unwrap();
    let signer = Signer::from_seed("a", &digest.0).unwrap();
    assert_eq!(signer.key().public(), &public.0);
    assert!(!format!("{signer:?}").contains("9d61"));
}

#[test]
fn keys_that_are_none() {
    let wrong = [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AhpczQcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy",
    ];
    for key in wrong {
        assert!(key.parse::<VerifierKey>().is_err(), "{key}");
    }
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb", "a\u{1}"] {
        assert_eq!(
            Signer::from_seed(name, &[1; 32]).unwrap_err(),
            NoteError::Name
        );
    }
}

#[test]
fn malformed_notes() {
    let table: [(&[u8], NoteError); 11] = [
        (b"", NoteError::Unsigned),
        (b"text\n", NoteError::Unsigned),
        (b"text\n\n", NoteError::Unsigned),
        (b"text\n\nno signature\n", NoteError::SignatureLine),
        ("text\n\n— a AAAAAAA=".as_bytes(), NoteError::SignatureLine),
        ("text\n\n— a AAAAAAA\n".as_bytes(), NoteError::SignatureLine),
        (
            "text\n\n— a AAAAAA==\n".as_bytes(),
            NoteError::SignatureLine,
        ),
        (
            "text\n\n— a+b AAAAAAA=\n".as_bytes(),
            NoteError::SignatureLine,
        ),
        ("text\n\n—  AAAAAAA=\n".as_bytes(), NoteError::SignatureLine),
        ("te\rxt\n\n— a AAAAAAA=\n".as_bytes(), NoteError::NotText),
        (b"te\xffxt\n\n", NoteError::NotText),
    ];
    for (note, error) in table {
        assert_eq!(
            Note::parse(note),
            Err(error),
            "{}",
            String::from_utf8_lossy(note)
        );
    }
    let lines = |count: usize| format!("text\n\n{}", "— a AAAAAAA=\n".repeat(count));
    assert!(Note::parse(lines(MAX_SIGNATURES).as_bytes()).is_ok());
    let many = Note::parse(lines(MAX_SIGNATURES + 1).as_bytes());
    assert_eq!(many, Err(NoteError::TooManySignatures));
    assert_eq!(
        Note::parse(&vec![b'a'; MAX_NOTE_BYTES + 1]),
        Err(NoteError::TooLarge)
    );
    let key = signer("a", 1);
    assert_eq!(Note::sign("text", &key), Err(NoteError::NoNewline));
    assert_eq!(Note::sign("te\txt\n", &key), Err(NoteError::NotText));
}

#[test]
fn cosignatures() {
    let (log, gateway) = (signer("mail.example/log/e1", 1), signer("gateway", 2));
    let stranger = signer("stranger", 3);
    let mut note = checkpoint().sign(&log).unwrap();
    note.cosign(&gateway);
    note.cosign(&gateway);
    note.cosign(&stranger);
    assert_eq!(note.signatures().len(), 3);
    let note = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(Checkpoint::open(&note, log.key()), Ok(checkpoint()));
    let known = [gateway.key().clone(), signer("silent", 4).key().clone()];
    assert_eq!(note.signers(&known), Ok(vec![gateway.key()]));
    // Name and id together name a key: another key of the name is a stranger.
    let namesake = signer("gateway", 5);
    let unsigned = Err(NoteError::NotSignedBy("gateway".to_owned()));
    assert_eq!(note.verify(namesake.key()), unsigned);
}

#[test]
fn a_false_line_beside_a_true_one_refuses_the_note() {
    let log = signer("mail.example/log/e1", 1);
    let note = checkpoint().sign(&log).unwrap().to_string();
    let other = Note::sign("other\n", &log).unwrap().to_string();
    let line = other.rsplit_once("\n\n").unwrap().1;
    for both in [
        format!("{note}{line}"),
        note.replace("\n\n", &format!("\n\n{line}")),
    ] {
        let note = Note::parse(both.as_bytes()).unwrap();
        assert!(matches!(
            note.verify(log.key()),
            Err(NoteError::FalseSignature(_))
        ));
    }
}

#[test]
fn checkpoints() {
    let text =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let checkpoint: Checkpoint = text.parse().unwrap();
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size(), 20_852_163);
    assert_eq!(checkpoint.to_string(), text);
    let extended = format!("{text}extension\n");
    let checkpoint: Checkpoint = extended.parse().unwrap();
    assert_eq!(checkpoint.extensions(), ["extension"]);
    assert_eq!(checkpoint.to_string(), extended);
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let wrong = [
        "",
        "\n",
        "o\n1\n",
        &format!("o\n1\n{root}"),
        &format!("\n1\n{root}\n"),
        &format!("o\n01\n{root}\n"),
        &format!("o\n+1\n{root}\n"),
        &format!("o\n\n{root}\n"),
        &format!("o\n18446744073709551616\n{root}\n"),
        &format!("o\n1\n{root}=\n"),
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "o\n1\nAAAA\n",
        &format!("o\n1\n{root}\n\n"),
        &format!("o\n1\n{root}\n\nx\n"),
    ];
    for text in wrong {
        assert!(text.parse::<Checkpoint>().is_err(), "{text}");
    }
    assert!(Checkpoint::new("", 0, empty_root()).is_err());
    assert!(Checkpoint::new("a\n1", 0, empty_root()).is_err());
}

#[test]
fn a_checkpoint_speaks_for_its_own_log() {
    let (log, other) = (signer("mail.example/log/e1", 1), signer("other", 1));
    assert!(matches!(
        checkpoint().sign(&other),
        Err(CheckpointError::OtherLog { .. })
    ));
    let note = Note::sign(&checkpoint().to_string(), &other).unwrap();
    assert!(matches!(
        Checkpoint::open(&note, other.key()),
        Err(CheckpointError::OtherLog { .. })
    ));
    assert!(matches!(
        Checkpoint::open(&note, log.key()),
        Err(CheckpointError::Note(_))
    ));
}

#[test]
fn fork_notices() {
    let (old, new) = (
        signer("mail.example/log/e1", 1),
        signer("mail.example/log/e2", 2),
    );
    let mut previous = checkpoint().sign(&old).unwrap();
    previous.cosign(&signer("gateway", 3));
    for previous in [Some(previous), None] {
        let notice = ForkNotice {
            origin: "mail.example/log/e2".to_owned(),
            epoch: 2,
            kept_size: 250,
            kept_root: leaf(1),
            previous,
        };
        assert_eq!(ForkNotice::decode(&notice.encode()).unwrap(), notice);
        let text = notice.sign(&new).unwrap().to_string();
        let note = Note::parse(text.as_bytes()).unwrap();
        assert_eq!(note.signatures().len(), 1);
        assert_eq!(ForkNotice::open(&note, new.key()), Ok(notice.clone()));
        assert!(ForkNotice::open(&note, old.key()).is_err());
        assert_eq!(notice.sign(&old), Err(ForkError::OtherLog));
        // Neither form can be taken for the other.
        assert!(Checkpoint::open(&note, new.key()).is_err());
        assert!(checkpoint().to_string().parse::<ForkNotice>().is_err());
        assert!(format!("{notice}more\n").parse::<ForkNotice>().is_err());
    }
}
