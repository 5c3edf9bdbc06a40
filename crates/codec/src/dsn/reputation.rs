//! Replies that refuse mail because the sending address stands on a blocklist or has a bad name.

/// A hint that our address is blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reputation {
    /// The list, as far as the reply names it: a DNS zone (`zen.spamhaus.org`) or a provider.
    pub list: Option<String>,
    /// The reply.
    pub text: String,
}

/// Domains of lists that many servers ask.
const LISTS: [&str; 30] = [
    "0spam.org",
    "abuseat.org",
    "abusix.com",
    "abusix.zone",
    "backscatterer.org",
    "barracudacentral.org",
    "blocklist.de",
    "cloudmark.com",
    "gbudb.net",
    "interserver.net",
    "invaluement.com",
    "junkemailfilter.com",
    "mail-abuse.com",
    "mailspike.net",
    "mailspike.org",
    "manitu.net",
    "nordspam.com",
    "proofpoint.com",
    "s5h.net",
    "sender.office.com",
    "senderscore.com",
    "sorbs.net",
    "spamcop.net",
    "spameatingmonkey.net",
    "spamhaus.net",
    "spamhaus.org",
    "spamrats.com",
    "surriel.com",
    "uceprotect.net",
    "wpbl.info",
];

/// Before the name of a list.
const NAMING: [&str; 7] = [
    "blocked using ",
    "listed by ",
    "listed in ",
    "listed at ",
    "listed on ",
    "found in ",
    "found on ",
];

/// Words that say it, whoever keeps the list.
const SAYING: [&str; 18] = [
    "blocked using",
    "blocklist",
    "block list",
    "block-list",
    "blocked list",
    "blocking list",
    "blacklist",
    "black list",
    "black-list",
    "denylist",
    "deny list",
    "dnsbl",
    "low reputation",
    "poor reputation",
    "bad reputation",
    "banned sending ip",
    "ip reputation",
    "sender reputation",
];

/// Whether a server's reply says that our address is on a blocklist, or refused for its reputation.
///
/// A reply of the policy class (`5.7.1`) alone says nothing: relaying is refused with it too.
pub fn reputation(reply: &str) -> Option<Reputation> {
    let lower = reply.to_ascii_lowercase();
    let found = |list: Option<String>| {
        let text = reply.to_string();
        Some(Reputation { list, text })
    };
    let says = SAYING.iter().any(|words| lower.contains(words)) || has_word(&lower, "rbl");
    let listed = says || has_word(&lower, "listed") || has_word(&lower, "blocked");
    let known = hosts(&lower).find(|host| {
        // Where a list is named by nothing but the address of its page, that says it.
        let meant = listed || lower.contains(&format!("://{host}/query"));
        meant && LISTS.iter().any(|list| is_within(host, list))
    });
    if let Some(host) = known {
        return found(Some(host.strip_prefix("www.").unwrap_or(host).to_string()));
    }
    let named = NAMING.iter().find_map(|words| {
        let (_, after) = lower.split_once(words)?;
        let first = after.split([' ', ',', ';', ')', ']']).next()?;
        // Postfix's words name the list that it asked; "listed in our database" names nothing.
        let asked = *words == "blocked using ";
        hosts(first).next().filter(|host| asked || is_zone(host))
    });
    if let Some(zone) = named {
        return found(Some(zone.to_string()));
    }
    // Outlook.com names its list by a number only.
    if says && (lower.contains("(s3140)") || lower.contains("(s3150)")) {
        return found(Some("Microsoft".to_string()));
    }
    says.then(|| found(None)).flatten()
}

/// The host names in a text, in order; those of mail addresses are none.
fn hosts(text: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '@' | '_'));
    text.split(part)
        .map(|word| word.trim_matches(['.', '-']))
        .filter(|word| !word.contains('@') && is_host(word))
}

/// Letters in the last label tell names from addresses and versions.
fn is_host(word: &str) -> bool {
    let last = word.rsplit_once('.').map(|(_, last)| last);
    last.is_some_and(|last| last.len() > 1 && last.bytes().all(|b| b.is_ascii_alphabetic()))
}

fn is_within(host: &str, domain: &str) -> bool {
    host == domain
        || host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
}

/// True if a label of the name is one that lists have.
fn is_zone(host: &str) -> bool {
    let says = |label: &str| {
        ["bl", "rbl", "dnsbl", "sbl", "xbl", "pbl", "zen", "cbl"].contains(&label)
            || label.contains("dnsbl")
            || label.contains("blacklist")
            || label.contains("blocklist")
            || label.ends_with("rbl")
            || label.ends_with("bl")
    };
    host.split(['.', '-']).any(says)
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|one| one == word)
}
