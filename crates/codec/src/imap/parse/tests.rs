//! The grammar, command by command.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use super::super::command::*;
use super::super::set::{Numbers, Saved};
use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Result<Command, Refused> {
    parse(format!("a1 {text}\r\n").as_bytes(), false).map(|(tag, command)| {
        assert_eq!(tag, "a1");
        command
    })
}

fn these(text: &str) -> Saved<Numbers> {
    Saved::parse(text.as_bytes()).unwrap()
}

fn set(text: &str) -> Numbers {
    Numbers::parse(text.as_bytes()).unwrap()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[track_caller]
fn is(text: &str, command: Command) {
    assert_eq!(read(text), Ok(command), "{text}");
}

#[track_caller]
fn bad(text: &str, why: &str) {
    let refused = read(text).expect_err(text);
    assert_eq!((refused.bad, refused.text.as_str()), (true, why), "{text}");
    assert_eq!(refused.tag.as_deref(), Some("a1"));
}

#[test]
fn single_words() {
    is("CAPABILITY", Command::Capability);
    is("capability", Command::Capability);
    is("NOOP", Command::Noop);
    is("NOOP  ", Command::Noop);
    is("  noop", Command::Noop);
    is("CHECK", Command::Check);
    is("LOGOUT", Command::Logout);
    is("StartTLS", Command::StartTls);
    is("NAMESPACE", Command::Namespace);
    is("CLOSE", Command::Close { expunge: true });
    is("UNSELECT", Command::Close { expunge: false });
    is("IDLE", Command::Idle);
    is("EXPUNGE", Command::Expunge(None));
    is("UID EXPUNGE 3:5", Command::Expunge(Some(these("3:5"))));
    is("uid expunge $", Command::Expunge(Some(Saved::Saved)));
    bad("", "no command");
    bad("NOOP x", "something follows the command");
    bad("FROB", "unknown command");
    bad("COMPRESS DEFLATE", "unknown command");
    bad("UID FROB 1", "unknown command");
    bad("UID NOOP", "unknown command");
    bad("UID", "something is missing");
    bad("UID EXPUNGE", "something is missing");
    bad("EXPUNGE 1", "something follows the command");
    bad("APPEND x \"y\"", "the message comes as a literal");
    bad("\"NOOP\"", "no command");
}

#[test]
fn tags_and_line_ends() {
    let tag = |text: &str| parse(text.as_bytes(), false).map(|(tag, _)| tag);
    for (text, wanted) in [
        ("1 NOOP\r\n", "1"),
        ("a.b]-c NOOP\n", "a.b]-c"),
        ("x NOOP", "x"),
        ("x   NOOP  \n", "x"),
    ] {
        assert_eq!(tag(text).as_deref(), Ok(wanted), "{text:?}");
    }
    for text in [
        "",
        "\r\n",
        " NOOP\r\n",
        "a+ NOOP\r\n",
        "* NOOP\r\n",
        "a\"b NOOP\r\n",
        "ä NOOP\r\n",
        "(a) NOOP\r\n",
    ] {
        let refused = tag(text).unwrap_err();
        assert_eq!((refused.tag, refused.bad), (None, true), "{text:?}");
    }
    assert_eq!(tag("a").unwrap_err().tag.as_deref(), Some("a"));
    assert_eq!(tag("a NOOP\r").as_deref(), Ok("a"));
    assert!(tag("a NO\0OP\r\n").is_err());
    assert!(tag("a NOOP\rx\r\n").is_err());
}

#[test]
fn login() {
    let login = |user: &[u8], password: &[u8]| Command::Login {
        user: user.to_vec(),
        password: password.to_vec(),
    };
    is("LOGIN ann pw", login(b"ann", b"pw"));
    is("login \"ann\" \"p w\"", login(b"ann", b"p w"));
    is("LOGIN ann \"a\\\"b\\\\c\"", login(b"ann", b"a\"b\\c"));
    is("LOGIN {3}\r\nann {4}\r\np\r\nw", login(b"ann", b"p\r\nw"));
    is("LOGIN {3+}\r\nann ~{2+}\r\npw", login(b"ann", b"pw"));
    is("LOGIN {3}\nann pw", login(b"ann", b"pw"));
    is("LOGIN ann ]x", login(b"ann", b"]x"));
    is("LOGIN ~ann pw", login(b"~ann", b"pw"));
    is("LOGIN ann \"\"", login(b"ann", b""));
    is("LOGIN ann {0}\r\n", login(b"ann", b""));
    is("LOGIN ann pä", login(b"ann", "pä".as_bytes()));
    is("LOGIN  ann   pw ", login(b"ann", b"pw"));
    bad("LOGIN ann", "something is missing");
    bad("LOGIN ann pw x", "something follows the command");
    bad("LOGIN ann \"pw", "a quoted string does not end");
    bad(
        "LOGIN ann \"p\\w\"",
        "a backslash escapes quotes and itself only",
    );
    bad("LOGIN ann \"p\nw\"", "a quoted string does not end");
    bad("LOGIN ann \"p\0w\"", "a string has a NUL");
    bad("LOGIN ann {2}\r\np\0", "a string has a NUL");
    bad("LOGIN ann {9}\r\npw", "a literal is broken");
    bad("LOGIN ann {2 }\r\npw", "a literal is broken");
    bad("LOGIN ann {}\r\npw", "a number is missing or too large");
    bad("LOGIN ann (pw)", "a string is missing");
    bad("LOGIN \"ann\"\"pw\"", "something is missing");
    bad("LOGIN {3}\r\nannpw", "something is missing");
}

#[test]
fn authenticate() {
    let authenticate = |mechanism: &str, initial: Option<&str>| Command::Authenticate {
        mechanism: mechanism.to_owned(),
        initial: initial.map(|text| text.as_bytes().to_vec()),
    };
    is("authenticate plain", authenticate("PLAIN", None));
    is("AUTHENTICATE PLAIN =", authenticate("PLAIN", Some("=")));
    is(
        "AUTHENTICATE XOAUTH2 YWJj",
        authenticate("XOAUTH2", Some("YWJj")),
    );
    is(
        "AUTHENTICATE PLAIN AGFu+/==",
        authenticate("PLAIN", Some("AGFu+/==")),
    );
    bad("AUTHENTICATE", "something is missing");
    bad("AUTHENTICATE PLAIN !", "the initial answer is no base64");
    bad("AUTHENTICATE PLAIN a b", "something follows the command");
}

#[test]
fn id_and_enable() {
    let field = |name: &str, value: Option<&str>| {
        let bytes = |text: &str| text.as_bytes().to_vec();
        (bytes(name), value.map(bytes))
    };
    is("ID NIL", Command::Id(Vec::new()));
    is("id nil", Command::Id(Vec::new()));
    is("ID ()", Command::Id(Vec::new()));
    is(
        "ID (\"name\" \"Thunderbird\" \"version\" \"153.8.0\")",
        Command::Id(vec![
            field("name", Some("Thunderbird")),
            field("version", Some("153.8.0")),
        ]),
    );
    is(
        "ID (\"name\" NIL \"os\" {2}\r\nx\" )",
        Command::Id(vec![field("name", None), field("os", Some("x\""))]),
    );
    bad("ID", "something is missing");
    bad("ID \"x\"", "a list of fields is wanted");
    bad("ID (\"name\")", "something is missing");
    bad("ID (name x)", "a string is missing");
    bad("ID (\"name\" \"x\"", "a list does not end");
    let enable = |words: &[&str]| Command::Enable(owned(words));
    is("ENABLE CONDSTORE", enable(&["CONDSTORE"]));
    is(
        "enable utf8=accept frob  x-y",
        enable(&["UTF8=ACCEPT", "FROB", "X-Y"]),
    );
    bad("ENABLE", "enable what?");
    bad("ENABLE (CONDSTORE)", "a word is missing");
}

fn select(mailbox: &str) -> (String, bool, bool, Option<Resync>) {
    (mailbox.to_owned(), false, false, None)
}

fn as_select(
    (mailbox, read_only, condstore, qresync): (String, bool, bool, Option<Resync>),
) -> Command {
    Command::Select {
        mailbox,
        read_only,
        condstore,
        qresync,
    }
}

#[test]
fn selecting() {
    is("SELECT inbox", as_select(select("INBOX")));
    is("select \"Inbox\"", as_select(select("INBOX")));
    is("SELECT {5}\r\nInBoX", as_select(select("INBOX")));
    is("SELECT Entw&APw-rfe", as_select(select("Entwürfe")));
    is("SELECT \"Entwürfe\"", as_select(select("Entwürfe")));
    is("SELECT a/b", as_select(select("a/b")));
    is("SELECT [Gmail]/x", as_select(select("[Gmail]/x")));
    is("SELECT \"\"", as_select(select("")));
    let mut examine = select("x");
    examine.1 = true;
    is("EXAMINE x", as_select(examine));
    let mut condstore = select("x");
    condstore.2 = true;
    is("SELECT x (CONDSTORE)", as_select(condstore.clone()));
    is("SELECT x ( condstore )", as_select(condstore));
    is("SELECT x ()", as_select(select("x")));
    let resync = |known: Option<&str>, samples: Option<(&str, &str)>| {
        let mut select = select("x");
        select.3 = Some(Resync {
            validity: 67_890_007,
            modseq: 20_050_715_194_045_000,
            known: known.map(set),
            samples: samples.map(|(numbers, uids)| (set(numbers), set(uids))),
        });
        as_select(select)
    };
    let begin = "SELECT x (QRESYNC (67890007 20050715194045000";
    is(&format!("{begin}))"), resync(None, None));
    is(
        &format!("{begin} 41,43:211))"),
        resync(Some("41,43:211"), None),
    );
    is(
        &format!("{begin} 41,43:211 (1:2,5 41,43,50)))"),
        resync(Some("41,43:211"), Some(("1:2,5", "41,43,50"))),
    );
    is(&format!("{begin} (1 7)))"), resync(None, Some(("1", "7"))));
    bad("SELECT", "something is missing");
    bad("SELECT x (FROB)", "unknown parameter");
    bad("SELECT x (QRESYNC)", "something is missing");
    bad("SELECT x (QRESYNC (0 1))", "a number is 0");
    bad(
        "SELECT x (QRESYNC (1 9223372036854775808))",
        "a number is missing or too large",
    );
    bad("SELECT x (QRESYNC (1 1 1:*))", "* is not known");
    bad("SELECT x (QRESYNC (1 1 1:3 (1)))", "something is missing");
    bad(
        "SELECT x (QRESYNC (1 1) QRESYNC (1 1))",
        "unknown parameter",
    );
    bad("SELECT x CONDSTORE", "a list is missing");
    bad("SELECT a b", "a list is missing");
}

#[test]
fn names_that_cannot_be() {
    for (text, why) in [
        ("SELECT \"a\tb\"", "name has a control character"),
        ("CREATE &AAo-", "name has a control character"),
        ("DELETE {1}\r\n\x07", "name has a control character"),
    ] {
        let refused = read(text).unwrap_err();
        assert_eq!(
            (refused.bad, refused.code, refused.text.as_str()),
            (false, Some(Code::Cannot), why)
        );
    }
    let refused = parse(b"a SELECT \"\xff\"\r\n", false).unwrap_err();
    assert_eq!(refused.text, "name is not UTF-8");
    let refused = read(&format!("CREATE {}", "x".repeat(1_001))).unwrap_err();
    assert_eq!(refused.code, Some(Code::Limit));
    // In UTF-8, `&` is itself.
    let (_, command) = parse(b"a SELECT Entw&APw-rfe\r\n", true).unwrap();
    assert_eq!(command, as_select(select("Entw&APw-rfe")));
}

#[test]
fn mailboxes() {
    let create = |mailbox: &str, uses: &[&str]| Command::Create {
        mailbox: mailbox.to_owned(),
        uses: owned(uses),
    };
    is("CREATE x", create("x", &[]));
    is("CREATE x/", create("x", &[]));
    is("CREATE /", create("/", &[]));
    is("CREATE \"a b\"", create("a b", &[]));
    is("CREATE x (USE (\\Sent))", create("x", &["\\Sent"]));
    is(
        "CREATE x (USE (\\Sent \\archive))",
        create("x", &["\\Sent", "\\archive"]),
    );
    bad("CREATE x (FROB (x))", "unknown parameter");
    bad("CREATE x (USE \\Sent)", "a list is missing");
    is("DELETE x", Command::Delete("x".to_owned()));
    is(
        "RENAME a \"b c\"",
        Command::Rename {
            from: "a".to_owned(),
            to: "b c".to_owned(),
        },
    );
    bad("RENAME a", "something is missing");
    is("SUBSCRIBE x", Command::Subscribe("x".to_owned()));
    is("UNSUBSCRIBE x", Command::Unsubscribe("x".to_owned()));
    let status = |items: &[StatusItem]| Command::Status {
        mailbox: "X".to_owned(),
        items: items.to_vec(),
    };
    use StatusItem::*;
    is(
        "STATUS \"X\" (UIDNEXT MESSAGES UNSEEN RECENT)",
        status(&[UidNext, Messages, Unseen, Recent]),
    );
    is(
        "status X ( uidvalidity  deleted size highestmodseq appendlimit mailboxid )",
        status(&[
            UidValidity,
            Deleted,
            Size,
            HighestModSeq,
            AppendLimit,
            MailboxId,
        ]),
    );
    is("STATUS X (SIZE SIZE)", status(&[Size]));
    bad("STATUS X ()", "the status of what?");
    bad("STATUS X (FROB)", "unknown status");
    bad("STATUS X SIZE", "a list is missing");
    bad("STATUS X", "something is missing");
}

fn list(reference: &str, patterns: &[&str]) -> List {
    List {
        reference: reference.to_owned(),
        patterns: owned(patterns),
        ..List::default()
    }
}

#[test]
fn listing() {
    is("LIST \"\" \"*\"", Command::List(list("", &["*"])));
    is("list \"\" \"\"", Command::List(list("", &[""])));
    is("LIST \"\" *", Command::List(list("", &["*"])));
    is("LIST a/ %x*", Command::List(list("a/", &["%x*"])));
    is("LIST \"\" inbox", Command::List(list("", &["inbox"])));
    is("LIST \"\" &AOQ-*", Command::List(list("", &["ä*"])));
    is("LIST \"\" {1}\r\n%", Command::List(list("", &["%"])));
    let extended = |list: List| {
        Command::List(List {
            extended: true,
            ..list
        })
    };
    is(
        "list (subscribed) \"\" \"*\" return (special-use)",
        extended(List {
            subscribed: true,
            return_special_use: true,
            ..list("", &["*"])
        }),
    );
    is(
        "LIST (SUBSCRIBED REMOTE RECURSIVEMATCH SUBSCRIBED) \"\" %",
        extended(List {
            subscribed: true,
            remote: true,
            recursive: true,
            ..list("", &["%"])
        }),
    );
    is("LIST () \"\" %", extended(list("", &["%"])));
    is(
        "LIST (SPECIAL-USE RECURSIVEMATCH) \"\" %",
        extended(List {
            special_use: true,
            recursive: true,
            ..list("", &["%"])
        }),
    );
    is(
        "LIST \"\" (a b \"c d\" *)",
        extended(list("", &["a", "b", "c d", "*"])),
    );
    is(
        "LIST \"\" % RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES UNSEEN))",
        extended(List {
            return_subscribed: true,
            return_children: true,
            return_status: Some(vec![StatusItem::Messages, StatusItem::Unseen]),
            ..list("", &["%"])
        }),
    );
    is("LIST \"\" % RETURN ()", extended(list("", &["%"])));
    bad("LIST (FROB) \"\" %", "unknown selection");
    bad(
        "LIST (RECURSIVEMATCH) \"\" %",
        "RECURSIVEMATCH needs another selection",
    );
    bad(
        "LIST (RECURSIVEMATCH REMOTE) \"\" %",
        "RECURSIVEMATCH needs another selection",
    );
    bad("LIST \"\" % RETURN (FROB)", "unknown return option");
    bad("LIST \"\" % RETURN (STATUS)", "something is missing");
    bad("LIST \"\" % FROB (x)", "RETURN is wanted");
    bad("LIST \"\" ()", "a pattern is missing");
    bad("LIST \"\"", "something is missing");
    bad("LIST % \"\"", "a string is missing");
    is(
        "LSUB \"\" \"*\"",
        Command::Lsub {
            reference: String::new(),
            pattern: "*".to_owned(),
        },
    );
    bad("LSUB \"\" (a b)", "a pattern is missing");
}

fn key(text: &str) -> Result<SearchKey, Refused> {
    read(&format!("SEARCH {text}")).map(|command| match command {
        Command::Search(Search {
            uid: false,
            charset: None,
            key,
            returns: None,
        }) => key,
        command => panic!("{command:?}"),
    })
}

fn flag(flag: &str) -> SearchKey {
    SearchKey::Flag(flag.to_owned())
}

fn not(key: SearchKey) -> SearchKey {
    SearchKey::Not(Box::new(key))
}

fn header(name: &str, text: &str) -> SearchKey {
    SearchKey::Header(name.to_owned(), text.as_bytes().to_vec())
}

#[test]
fn search_keys() {
    use SearchKey::*;
    let day = Day {
        year: 1994,
        month: 2,
        day: 1,
    };
    let text = |text: &str| text.as_bytes().to_vec();
    let cases = [
        ("ALL", And(vec![])),
        ("answered", flag("\\Answered")),
        ("DELETED", flag("\\Deleted")),
        ("DRAFT", flag("\\Draft")),
        ("FLAGGED", flag("\\Flagged")),
        ("SEEN", flag("\\Seen")),
        ("UNANSWERED", not(flag("\\Answered"))),
        ("UNDELETED", not(flag("\\Deleted"))),
        ("UNDRAFT", not(flag("\\Draft"))),
        ("UNFLAGGED", not(flag("\\Flagged"))),
        ("UNSEEN", not(flag("\\Seen"))),
        ("RECENT", Recent),
        ("OLD", not(Recent)),
        ("NEW", And(vec![Recent, not(flag("\\Seen"))])),
        ("KEYWORD $Junk", flag("$Junk")),
        ("UNKEYWORD Old", not(flag("Old"))),
        ("BCC x", header("Bcc", "x")),
        ("CC x", header("Cc", "x")),
        ("FROM \"Person 3\"", header("From", "Person 3")),
        ("TO {3}\r\na\"b", header("To", "a\"b")),
        ("SUBJECT topic77", header("Subject", "topic77")),
        ("SUBJECT {5}\r\nxy\r\nz", header("Subject", "xy\r\nz")),
        (
            "HEADER Message-ID 73a0d940-1",
            header("Message-ID", "73a0d940-1"),
        ),
        ("HEADER X-TUID \"\"", header("X-TUID", "")),
        ("BODY \"needle77\"", Body(text("needle77"))),
        ("TEXT nädel", Text(text("nädel"))),
        ("LARGER 5", Larger(5)),
        ("SMALLER 5000000000", Smaller(5_000_000_000)),
        ("BEFORE 1-Feb-1994", Before(day)),
        ("ON \"01-feb-1994\"", On(day)),
        ("SINCE 1-Feb-1994", Since(day)),
        ("SENTBEFORE 1-Feb-1994", SentBefore(day)),
        ("SENTON 1-Feb-1994", SentOn(day)),
        ("SENTSINCE 1-Feb-1994", SentSince(day)),
        ("YOUNGER 3600", Younger(3_600)),
        ("OLDER 1", Older(1)),
        ("MODSEQ 620", ModSeq(620)),
        ("MODSEQ \"/flags/\\\\draft\" all 620", ModSeq(620)),
        ("MODSEQ \"/flags/x\" priv 0", ModSeq(0)),
        ("EMAILID M1", EmailId("M1".to_owned())),
        ("THREADID T1", ThreadId("T1".to_owned())),
        ("UID 1:*", Uid(these("1:*"))),
        ("UID $", Uid(Saved::Saved)),
        ("2,4:7", Sequence(these("2,4:7"))),
        ("*", Sequence(these("*"))),
        ("$", Sequence(Saved::Saved)),
        ("NOT SEEN", not(flag("\\Seen"))),
        ("NOT NOT SEEN", not(not(flag("\\Seen")))),
        ("SEEN DRAFT", And(vec![flag("\\Seen"), flag("\\Draft")])),
        ("(SEEN DRAFT)", And(vec![flag("\\Seen"), flag("\\Draft")])),
        ("((SEEN))", flag("\\Seen")),
        (
            "( SEEN  ( 1 ) )",
            And(vec![flag("\\Seen"), Sequence(these("1"))]),
        ),
        (
            "OR SEEN 1",
            Or(Box::new(flag("\\Seen")), Box::new(Sequence(these("1")))),
        ),
        (
            "OR (SEEN DRAFT) NOT RECENT",
            Or(
                Box::new(And(vec![flag("\\Seen"), flag("\\Draft")])),
                Box::new(not(Recent)),
            ),
        ),
        (
            "UNDELETED SUBJECT \"topic77\" FROM \"Person 3\"",
            And(vec![
                not(flag("\\Deleted")),
                header("Subject", "topic77"),
                header("From", "Person 3"),
            ]),
        ),
        (
            "1:3 SEEN ",
            And(vec![Sequence(these("1:3")), flag("\\Seen")]),
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(key(text), Ok(wanted), "{text}");
    }
}

#[test]
fn searches_that_are_wrong() {
    for (text, why) in [
        ("SEARCH", "something is missing"),
        ("SEARCH FROB", "something is missing"),
        ("SEARCH FROB x", "unknown search key"),
        ("SEARCH ()", "a key is missing"),
        ("SEARCH (SEEN", "a list does not end"),
        ("SEARCH SEEN)", "something is missing"),
        ("SEARCH (SEEN)(DRAFT)", "something is missing"),
        ("SEARCH NOT", "something is missing"),
        ("SEARCH NOT ", "a key is missing"),
        ("SEARCH OR SEEN", "something is missing"),
        ("SEARCH SUBJECT", "something is missing"),
        ("SEARCH HEADER x", "something is missing"),
        ("SEARCH BEFORE 30-Feb-1994", "there is no such day"),
        ("SEARCH BEFORE 1994-02-01", "there is no such day"),
        ("SEARCH 0", "a set of numbers is missing or wrong"),
        ("SEARCH 1,", "a set of numbers is missing or wrong"),
        ("SEARCH 1x", "something is missing"),
        ("SEARCH UID x", "a set of numbers is missing or wrong"),
        ("SEARCH LARGER x", "a number is missing or too large"),
        ("SEARCH YOUNGER 0", "a number is 0"),
        (
            "SEARCH MODSEQ \"/flags/x\" frob 1",
            "priv, shared or all is wanted",
        ),
        ("SEARCH RETURN (FROB) ALL", "unknown return option"),
        (
            "SEARCH RETURN (ALL PARTIAL 1:2) ALL",
            "either ALL or PARTIAL",
        ),
        (
            "SEARCH RETURN (PARTIAL 1:-2) ALL",
            "both ends are counted from one side",
        ),
        ("SEARCH RETURN (PARTIAL 0:2) ALL", "a number is 0"),
        ("SEARCH RETURN (PARTIAL 2) ALL", "a range is from:to"),
        (
            "SEARCH RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL",
            "unknown return option",
        ),
        ("SEARCH RETURN (ALL)", "something is missing"),
        ("SEARCH CHARSET UTF-8", "something is missing"),
        ("SORT (DATE) UTF-8", "something is missing"),
        ("SORT () UTF-8 ALL", "sort by what?"),
        ("SORT (REVERSE) UTF-8 ALL", "sort by what?"),
        ("SORT (REVERSE REVERSE DATE) UTF-8 ALL", "sort by what?"),
        ("SORT (FROB) UTF-8 ALL", "sort by what?"),
        ("THREAD FROB UTF-8 ALL", "unknown algorithm"),
    ] {
        bad(text, why);
    }
    let nest = |depth: usize| {
        read(&format!(
            "SEARCH {}ALL{}",
            "(".repeat(depth),
            ")".repeat(depth)
        ))
    };
    assert!(nest(200).is_ok());
    assert_eq!(nest(201).unwrap_err().text, "the search is nested too deep");
    assert!(read(&format!("SEARCH {}ALL", "NOT ".repeat(200))).is_ok());
    assert!(read(&format!("SEARCH {}ALL", "NOT ".repeat(15_000))).is_err());
    assert!(read(&format!("SEARCH {}ALL", "OR ALL ".repeat(200))).is_ok());
    assert!(read(&format!("SEARCH {}", "OR ".repeat(15_000))).is_err());
}

#[test]
fn searches() {
    let search = |uid, charset: Option<&str>, returns| {
        Command::Search(Search {
            uid,
            charset: charset.map(str::to_owned),
            key: SearchKey::And(vec![]),
            returns,
        })
    };
    is("UID SEARCH ALL", search(true, None, None));
    is(
        "SEARCH CHARSET utf-8 ALL",
        search(false, Some("UTF-8"), None),
    );
    is(
        "SEARCH CHARSET \"us-ascii\" ALL",
        search(false, Some("US-ASCII"), None),
    );
    let none = Returns::default();
    let all = Returns { all: true, ..none };
    is("SEARCH RETURN () ALL", search(false, None, Some(all)));
    is("SEARCH RETURN (ALL) ALL", search(false, None, Some(all)));
    is(
        "UID SEARCH RETURN (MIN MAX COUNT) CHARSET UTF-8 ALL",
        search(
            true,
            Some("UTF-8"),
            Some(Returns {
                min: true,
                max: true,
                count: true,
                ..none
            }),
        ),
    );
    is(
        "SEARCH return (save) ALL",
        search(false, None, Some(Returns { save: true, ..none })),
    );
    for (text, page) in [
        ("1:100", (1, 100)),
        ("-1:-100", (-1, -100)),
        ("5:3", (5, 3)),
    ] {
        let returns = Returns {
            partial: Some(page),
            ..none
        };
        is(
            &format!("SEARCH RETURN (PARTIAL {text}) ALL"),
            search(false, None, Some(returns)),
        );
    }
    let sort = |uid, keys: &[(bool, SortBy)], returns| Command::Sort {
        keys: keys
            .iter()
            .map(|&(reverse, by)| SortKey { reverse, by })
            .collect(),
        search: Search {
            uid,
            charset: Some("UTF-8".to_owned()),
            key: SearchKey::And(vec![]),
            returns,
        },
    };
    is(
        "SORT (DATE) UTF-8 ALL",
        sort(false, &[(false, SortBy::Date)], None),
    );
    is(
        "UID SORT (REVERSE ARRIVAL cc FROM REVERSE SIZE SUBJECT TO) utf-8 ALL",
        sort(
            true,
            &[
                (true, SortBy::Arrival),
                (false, SortBy::Cc),
                (false, SortBy::From),
                (true, SortBy::Size),
                (false, SortBy::Subject),
                (false, SortBy::To),
            ],
            None,
        ),
    );
    is(
        "SORT RETURN (ALL) (DISPLAYFROM DISPLAYTO) UTF-8 ALL",
        sort(
            false,
            &[(false, SortBy::DisplayFrom), (false, SortBy::DisplayTo)],
            Some(all),
        ),
    );
    for (name, algorithm) in [
        ("ORDEREDSUBJECT", ThreadAlgorithm::OrderedSubject),
        ("references", ThreadAlgorithm::References),
        ("REFS", ThreadAlgorithm::Refs),
    ] {
        let wanted = |uid| Command::Thread {
            algorithm,
            search: Search {
                uid,
                charset: Some("US-ASCII".to_owned()),
                key: SearchKey::And(vec![]),
                returns: None,
            },
        };
        is(&format!("THREAD {name} US-ASCII ALL"), wanted(false));
        is(&format!("UID THREAD {name} US-ASCII ALL"), wanted(true));
    }
}

fn items(text: &str) -> Result<Vec<FetchItem>, Refused> {
    read(&format!("FETCH 1:* {text}")).map(|command| match command {
        Command::Fetch {
            messages,
            uid: false,
            items,
            changed_since: None,
            vanished: false,
        } => {
            assert_eq!(messages, these("1:*"));
            items
        }
        command => panic!("{command:?}"),
    })
}

fn section(part: &[u32], of: SectionOf, partial: Option<(u32, u32)>, peek: bool) -> FetchItem {
    FetchItem::Section {
        section: Section {
            part: part.to_vec(),
            of,
        },
        partial,
        peek,
        form: Form::Body,
    }
}

#[test]
fn fetch_items() {
    use FetchItem::*;
    let formed = |of, peek, form| Section {
        section: super::super::command::Section { part: vec![], of },
        partial: None,
        peek,
        form,
    };
    let binary = |part: &[u32], partial, peek| Section {
        section: super::super::command::Section {
            part: part.to_vec(),
            of: SectionOf::Whole,
        },
        partial,
        peek,
        form: Form::Binary,
    };
    let fields = |names: &[&str]| SectionOf::Fields(owned(names));
    let cases = [
        ("ALL", vec![Flags, InternalDate, Size, Envelope]),
        ("fast", vec![Flags, InternalDate, Size]),
        ("FULL", vec![Flags, InternalDate, Size, Envelope, Body]),
        ("UID", vec![Uid]),
        ("(FLAGS)", vec![Flags]),
        ("( UID  FLAGS )", vec![Uid, Flags]),
        (
            "(uid rfc822.size body.peek[])",
            vec![Uid, Size, section(&[], SectionOf::Whole, None, true)],
        ),
        (
            "(ENVELOPE BODY BODYSTRUCTURE INTERNALDATE MODSEQ EMAILID THREADID SAVEDATE)",
            vec![
                Envelope,
                Body,
                BodyStructure,
                InternalDate,
                ModSeq,
                EmailId,
                ThreadId,
                SaveDate,
            ],
        ),
        ("PREVIEW", vec![Preview]),
        ("PREVIEW (LAZY)", vec![Preview]),
        ("(PREVIEW (LAZY) UID)", vec![Preview, Uid]),
        ("(PREVIEW UID)", vec![Preview, Uid]),
        ("BODY[]", vec![section(&[], SectionOf::Whole, None, false)]),
        (
            "BODY[]<0.65536>",
            vec![section(&[], SectionOf::Whole, Some((0, 65_536)), false)],
        ),
        (
            "BODY.PEEK[TEXT]<0.2048>",
            vec![section(&[], SectionOf::Text, Some((0, 2_048)), true)],
        ),
        (
            "body.peek[header]",
            vec![section(&[], SectionOf::Header, None, true)],
        ),
        (
            "BODY[]<5.99999999999>",
            vec![section(&[], SectionOf::Whole, Some((5, u32::MAX)), false)],
        ),
        (
            "BODY.PEEK[HEADER.FIELDS (From \"To\" x-y)]",
            vec![section(&[], fields(&["From", "To", "x-y"]), None, true)],
        ),
        (
            "BODY[HEADER.FIELDS.NOT (Received)]",
            vec![section(
                &[],
                SectionOf::FieldsNot(owned(&["Received"])),
                None,
                false,
            )],
        ),
        (
            "BODY[1]",
            vec![section(&[1], SectionOf::Whole, None, false)],
        ),
        (
            "BODY[1.2.3]",
            vec![section(&[1, 2, 3], SectionOf::Whole, None, false)],
        ),
        (
            "BODY[1.MIME]",
            vec![section(&[1], SectionOf::Mime, None, false)],
        ),
        (
            "BODY[2.1.HEADER]",
            vec![section(&[2, 1], SectionOf::Header, None, false)],
        ),
        (
            "BODY[2.TEXT]<1.2>",
            vec![section(&[2], SectionOf::Text, Some((1, 2)), false)],
        ),
        (
            "BODY[2.HEADER.FIELDS (SUBJECT)]",
            vec![section(&[2], fields(&["SUBJECT"]), None, false)],
        ),
        (
            "RFC822",
            vec![formed(SectionOf::Whole, false, Form::Rfc822)],
        ),
        (
            "RFC822.HEADER",
            vec![formed(SectionOf::Header, true, Form::Rfc822Header)],
        ),
        (
            "rfc822.text",
            vec![formed(SectionOf::Text, false, Form::Rfc822Text)],
        ),
        ("RFC822.SIZE", vec![Size]),
        ("BINARY[1]", vec![binary(&[1], None, false)]),
        (
            "BINARY.PEEK[1.2]<0.9>",
            vec![binary(&[1, 2], Some((0, 9)), true)],
        ),
        ("BINARY[]", vec![binary(&[], None, false)]),
        ("BINARY.SIZE[3]", vec![BinarySize(vec![3])]),
        ("(FAST UID)", vec![Flags, InternalDate, Size, Uid]),
    ];
    for (text, wanted) in cases {
        assert_eq!(items(text), Ok(wanted), "{text}");
    }
}

#[test]
fn fetches() {
    let fetch = |uid, items: &[FetchItem], changed_since, vanished| Command::Fetch {
        messages: these("1:*"),
        uid,
        items: items.to_vec(),
        changed_since,
        vanished,
    };
    use FetchItem::*;
    is(
        "UID fetch 1:* (FLAGS)",
        fetch(true, &[Flags, Uid], None, false),
    );
    is(
        "UID FETCH 1:* (UID FLAGS)",
        fetch(true, &[Uid, Flags], None, false),
    );
    is(
        "FETCH 1:* FLAGS (CHANGEDSINCE 12345)",
        fetch(false, &[Flags, ModSeq], Some(12_345), false),
    );
    is(
        "UID FETCH 1:* (FLAGS MODSEQ) (CHANGEDSINCE 12345 VANISHED)",
        fetch(true, &[Flags, ModSeq, Uid], Some(12_345), true),
    );
    is(
        "FETCH 1:* PREVIEW (CHANGEDSINCE 5)",
        fetch(false, &[Preview, ModSeq], Some(5), false),
    );
    is(
        "FETCH $ UID",
        Command::Fetch {
            messages: Saved::Saved,
            uid: false,
            items: vec![Uid],
            changed_since: None,
            vanished: false,
        },
    );
    for (text, why) in [
        ("FETCH 1", "something is missing"),
        ("FETCH", "something is missing"),
        ("FETCH x FLAGS", "a set of numbers is missing or wrong"),
        ("FETCH 1 ()", "fetch what?"),
        ("FETCH 1 FROB", "unknown item"),
        ("FETCH 1 (FLAGS", "a list does not end"),
        ("FETCH 1 FLAGS UID", "a list is missing"),
        ("FETCH 1 (FLAGS)(CHANGEDSINCE 1)", "something is missing"),
        (
            "FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
            "VANISHED is for UID FETCH with CHANGEDSINCE",
        ),
        (
            "UID FETCH 1 FLAGS (VANISHED)",
            "VANISHED is for UID FETCH with CHANGEDSINCE",
        ),
        ("FETCH 1 FLAGS (FROB 1)", "unknown modifier"),
        ("FETCH 1 FLAGS (PARTIAL 1:2)", "unknown modifier"),
        (
            "FETCH 1 FLAGS (CHANGEDSINCE x)",
            "a number is missing or too large",
        ),
        ("FETCH 1 BODY[", "a section does not end"),
        ("FETCH 1 BODY[FROB]", "unknown section"),
        ("FETCH 1 BODY[MIME]", "unknown section"),
        ("FETCH 1 BODY[0]", "a number is 0"),
        ("FETCH 1 BODY[1.]", "a section ends with a dot"),
        ("FETCH 1 BODY[.1]", "unknown section"),
        ("FETCH 1 BODY[1.TEXT", "a section does not end"),
        ("FETCH 1 BODY[HEADER.FIELDS]", "something is missing"),
        ("FETCH 1 BODY[HEADER.FIELDS ()]", "which fields?"),
        (
            "FETCH 1 BODY[HEADER.FIELDS (\"a b\")]",
            "this is no name of a field",
        ),
        ("FETCH 1 BODY[]<0>", "a range is <from.octets>"),
        ("FETCH 1 BODY[]<0.0>", "a range of nothing"),
        ("FETCH 1 BODY[]<0.1", "a range is <from.octets>"),
        ("FETCH 1 BINARY[TEXT]", "a section does not end"),
        ("FETCH 1 BINARY[1.]", "a section ends with a dot"),
        ("FETCH 1 BINARY", "a section is missing"),
        ("FETCH 1 BODY.PEEK", "a section is missing"),
        ("FETCH 1 BODY [TEXT]", "a list is missing"),
    ] {
        bad(text, why);
    }
    let deep = |depth: usize| read(&format!("FETCH 1 BODY[{}]", vec!["1"; depth].join(".")));
    assert!(deep(64).is_ok() && deep(65).is_err());
    let many = |count: usize| read(&format!("FETCH 1 ({})", vec!["UID"; count].join(" ")));
    assert!(many(500).is_ok() && many(501).is_err());
    let many = |count: usize| read(&format!("FETCH 1 ({})", vec!["FULL"; count].join(" ")));
    assert!(many(100).is_ok() && many(101).is_err());
}

#[test]
fn stores() {
    let store = |uid, change, flags: &[&str], silent, unchanged_since| Command::Store {
        messages: these("2:4"),
        uid,
        change,
        flags: owned(flags),
        silent,
        unchanged_since,
    };
    use FlagChange::*;
    is(
        "STORE 2:4 +FLAGS (\\Deleted)",
        store(false, Add, &["\\Deleted"], false, None),
    );
    is(
        "uid store 2:4 +Flags (\\seen \\deleted)",
        store(true, Add, &["\\Seen", "\\Deleted"], false, None),
    );
    is(
        "STORE 2:4 FLAGS.SILENT ()",
        store(false, Set, &[], true, None),
    );
    is(
        "UID STORE 2:4 +FLAGS.SILENT (Old)",
        store(true, Add, &["Old"], true, None),
    );
    is(
        "STORE 2:4 -FLAGS \\Flagged $Junk",
        store(false, Remove, &["\\Flagged", "$Junk"], false, None),
    );
    is(
        "STORE 2:4 FLAGS \\Seen ",
        store(false, Set, &["\\Seen"], false, None),
    );
    is(
        "STORE 2:4 FLAGS (\\Seen \\Recent \\SEEN)",
        store(false, Set, &["\\Seen"], false, None),
    );
    is(
        "STORE 2:4 FLAGS (\\Frob)",
        store(false, Set, &["\\Frob"], false, None),
    );
    is(
        "STORE 2:4 (UNCHANGEDSINCE 12) +FLAGS (x)",
        store(false, Add, &["x"], false, Some(12)),
    );
    for (text, why) in [
        ("STORE 2:4 +FLAGS", "something is missing"),
        ("STORE 2:4 FROB (x)", "FLAGS, +FLAGS or -FLAGS is wanted"),
        (
            "STORE 2:4 FLAGS.LOUD (x)",
            "FLAGS, +FLAGS or -FLAGS is wanted",
        ),
        ("STORE 2:4 FLAGS (\\*)", "a word is missing"),
        ("STORE 2:4 FLAGS (a\"b)", "a list does not end"),
        ("STORE 2:4 FLAGS (ä)", "a flag is ASCII and short"),
        ("STORE 2:4 FLAGS (a]b)", "a list does not end"),
        ("STORE 2:4 (FROB 1) FLAGS (x)", "unknown modifier"),
        ("STORE 2:4 FLAGS (x) y", "something follows the command"),
        ("STORE FLAGS (x)", "a set of numbers is missing or wrong"),
    ] {
        bad(text, why);
    }
    let copy = |uid, and_remove| Command::Copy {
        messages: these("2:4"),
        uid,
        mailbox: "Archive".to_owned(),
        and_remove,
    };
    is("COPY 2:4 Archive", copy(false, false));
    is("UID COPY 2:4 \"Archive\"", copy(true, false));
    is("MOVE 2:4 Archive", copy(false, true));
    is("uid move 2:4 \"Archive\"", copy(true, true));
    bad("COPY 2:4", "something is missing");
    bad("UID MOVE x Archive", "a set of numbers is missing or wrong");
}

#[test]
fn before_a_message() {
    let begin = |text: &str| append::begin(format!("a1 {text}").as_bytes(), false);
    let message = |mailbox: &str, flags: &[&str], date, wrapped| {
        Ok(append::Before::Message {
            tag: "a1".to_owned(),
            mailbox: mailbox.to_owned(),
            appended: Appended {
                flags: owned(flags),
                date,
                ..Appended::default()
            },
            wrapped,
        })
    };
    assert_eq!(begin("append "), Ok(append::Before::Name));
    assert_eq!(
        begin("APPEND \"Sent\" (\\Seen) "),
        message("Sent", &["\\Seen"], None, false)
    );
    assert_eq!(begin("APPEND Sent "), message("Sent", &[], None, false));
    assert_eq!(
        begin("APPEND {4}\r\nSent "),
        message("Sent", &[], None, false)
    );
    assert_eq!(
        begin("APPEND inbox (\\seen \\Recent x) \" 1-Jan-1970 00:00:10 +0000\" "),
        message("INBOX", &["\\Seen", "x"], Some(10), false)
    );
    assert_eq!(begin("APPEND x () UTF8 ("), message("x", &[], None, true));
    for text in [
        "APPEND x",
        "APPEND",
        "APPEND x y ",
        "APPEND x (\\Seen)",
        "APPEND x \"frob\" ",
        "APPEND x UTF8 ",
        "APPEND x UTF8 (x ",
    ] {
        assert!(begin(text).unwrap_err().bad, "{text}");
    }
    assert!(append::next(b" (\\Draft) ", false).is_ok());
    assert!(append::next(b"", false).is_err());
    assert!(append::next(b") ", true).is_ok());
    assert!(append::next(b" ", true).is_err());
    assert!(append::end(b"\r\n", false).is_ok());
    assert!(append::end(b" \n", false).is_ok());
    assert!(append::end(b")\r\n", true).is_ok());
    assert!(append::end(b")\r\n", false).is_err());
    assert!(append::end(b"\r\n", true).is_err());
}

#[test]
fn openings() {
    assert_eq!(
        opening(b"a append x"),
        (Some("a".to_owned()), Some("APPEND"))
    );
    assert_eq!(opening(b"a frob x"), (Some("a".to_owned()), None));
    assert_eq!(opening(b"a"), (Some("a".to_owned()), None));
    assert_eq!(opening(b"+"), (None, None));
}

/// Words of which commands are made, so that much of what comes out is nearly one.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let words = prop_oneof![
        Just("a "),
        Just("UID "),
        Just("FETCH "),
        Just("SEARCH "),
        Just("LIST "),
        Just("STORE "),
        Just("SELECT "),
        Just("("),
        Just(")"),
        Just(" "),
        Just("1:* "),
        Just("BODY["),
        Just("]"),
        Just("<0.1>"),
        Just("\"x\" "),
        Just("{3}\r\n"),
        Just("{3+}\r\nabc"),
        Just("RETURN "),
        Just("OR "),
        Just("NOT "),
        Just("\\Seen "),
        Just("$"),
        Just("HEADER.FIELDS "),
        Just("\r\n"),
        Just("QRESYNC "),
        Just("PARTIAL -1:-2 "),
        Just("1-Jan-2020 "),
        Just("SORT "),
        Just("&AOQ-"),
        Just("STATUS "),
        Just("ä"),
        Just("1.2"),
        Just("\\"),
        Just("\""),
        Just("ID "),
        Just("SINCE "),
    ];
    let any_bytes = proptest::collection::vec(any::<u8>(), 0..5);
    let word = prop_oneof![9 => words.prop_map(|word| word.as_bytes().to_vec()), 1 => any_bytes];
    proptest::collection::vec(word, 0..25).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_panics(bytes in nearly(), utf8 in any::<bool>()) {
        let _ = parse(&bytes, utf8);
        let _ = append::begin(&bytes, utf8);
        let _ = append::next(&bytes, utf8);
        let _ = opening(&bytes);
    }

    #[test]
    fn nothing_panics_on_noise(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse(&bytes, false);
    }
}
