//! The exchange of AUTHENTICATE: PLAIN (RFC 4616), LOGIN, OAUTHBEARER (RFC 7628), XOAUTH2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Credentials, Secret};

/// A way to say who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// Name and password in one answer.
    Plain,
    /// Name and password in two answers; never standardised, still asked for by clients.
    Login,
    /// A bearer token of OAuth 2.0.
    OAuthBearer,
    /// The same, as Google and Microsoft spelled it before there was a standard.
    XOAuth2,
}

impl Mechanism {
    const ALL: [Mechanism; 4] = [
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::OAuthBearer,
        Mechanism::XOAuth2,
    ];

    /// Its name after `AUTH=`.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::OAuthBearer => "OAUTHBEARER",
            Mechanism::XOAuth2 => "XOAUTH2",
        }
    }

    /// The mechanism of this name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        let named = |mechanism: &Mechanism| mechanism.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(named)
    }

    /// Whether a refusal is told in a challenge first, which the client acknowledges (RFC 7628 §3.2.3).
    pub(super) fn refuses_in_challenge(self) -> bool {
        matches!(self, Mechanism::OAuthBearer | Mechanism::XOAuth2)
    }
}

/// Where an exchange stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exchange {
    /// The first answer is awaited.
    First(Mechanism),
    /// LOGIN's password is.
    Password { user: String },
    /// The token was refused, and that is to be acknowledged.
    Refused,
}

/// What comes after a client's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Ask on.
    Ask(Exchange),
    /// It is said.
    Said(Credentials),
    /// It was an answer to a refusal.
    Over,
}

impl Exchange {
    /// The challenge, in base64.
    pub(super) fn challenge(&self) -> String {
        STANDARD.encode(match self {
            Exchange::First(Mechanism::Login) => "Username:",
            Exchange::First(_) => "",
            Exchange::Password { .. } => "Password:",
            Exchange::Refused => r#"{"status":"invalid_token"}"#,
        })
    }

    /// Takes the client's answer; `None` if it is malformed.
    pub(super) fn answer(self, bytes: Vec<u8>) -> Option<Turn> {
        if self == Exchange::Refused {
            return Some(Turn::Over);
        }
        let text = String::from_utf8(bytes).ok()?;
        let said = match self {
            Exchange::First(Mechanism::Login) => {
                let user = word(&text)?.to_owned();
                return Some(Turn::Ask(Exchange::Password { user }));
            }
            Exchange::First(Mechanism::Plain) => plain(&text)?,
            Exchange::First(Mechanism::OAuthBearer) => bearer(&text)?,
            Exchange::First(Mechanism::XOAuth2) => xoauth2(&text)?,
            Exchange::Password { user } => Credentials::Password {
                acts_as: String::new(),
                user,
                password: Secret::new(word(&text)?),
            },
            Exchange::Refused => return Some(Turn::Over),
        };
        Some(Turn::Said(said))
    }
}

/// Base64 with its padding; a lone `=` is an answer of nothing (RFC 4959 §3).
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    match text {
        b"=" => Some(Vec::new()),
        text => STANDARD.decode(text).ok(),
    }
}

/// Name and password of LOGIN, the command.
pub(super) fn login(user: &[u8], password: &[u8]) -> Option<Credentials> {
    let text = |bytes| std::str::from_utf8(bytes).ok().and_then(word);
    Some(Credentials::Password {
        acts_as: String::new(),
        user: text(user)?.to_owned(),
        password: Secret::new(text(password)?),
    })
}

fn word(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains('\0')).then_some(text)
}

fn plain(text: &str) -> Option<Credentials> {
    let mut parts = text.split('\0');
    let (acts_as, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && !user.is_empty() && !password.is_empty();
    whole.then(|| Credentials::Password {
        acts_as: acts_as.to_owned(),
        user: user.to_owned(),
        password: Secret::new(password),
    })
}

fn bearer(text: &str) -> Option<Credentials> {
    let (head, pairs) = text.split_once('\x01')?;
    // Channel binding is not offered, so that `p=` cannot be.
    let name = head.strip_prefix("n,").or(head.strip_prefix("y,"))?;
    let name = name.strip_suffix(',')?;
    let acts_as = match name.strip_prefix("a=") {
        Some(name) => name.replace("=2C", ",").replace("=3D", "="),
        None if name.is_empty() => String::new(),
        None => return None,
    };
    Some(Credentials::Bearer {
        acts_as,
        token: token(pairs)?,
    })
}

/// `user=…`, then what OAUTHBEARER has; the user is whose token it is.
fn xoauth2(text: &str) -> Option<Credentials> {
    let (user, pairs) = text.strip_prefix("user=")?.split_once('\x01')?;
    Some(Credentials::Bearer {
        acts_as: word(user)?.to_owned(),
        token: token(pairs)?,
    })
}

/// The token in pairs that end with two `\x01`.
fn token(pairs: &str) -> Option<Secret> {
    let pairs = pairs.strip_suffix("\x01\x01")?;
    let mut pairs = pairs.split('\x01').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == "auth")?;
    let (scheme, token) = value.split_once(' ')?;
    let right = scheme.eq_ignore_ascii_case("Bearer") && !token.trim().is_empty();
    right.then(|| Secret::new(token.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearers() {
        let said = |acts_as: &str| {
            Some(Turn::Said(Credentials::Bearer {
                acts_as: acts_as.into(),
                token: Secret::new("abc=="),
            }))
        };
        let answer = |how, text: &str| Exchange::First(how).answer(text.into());
        let standard = Mechanism::OAuthBearer;
        assert_eq!(
            answer(
                standard,
                "n,a=a=2Cb=3D@x,\x01host=h\x01auth=Bearer abc==\x01\x01"
            ),
            said("a,b=@x")
        );
        assert_eq!(
            answer(standard, "n,,\x01auth=bearer abc==\x01\x01"),
            said("")
        );
        let google = Mechanism::XOAuth2;
        assert_eq!(
            answer(google, "user=ann@x\x01auth=Bearer abc==\x01\x01"),
            said("ann@x")
        );
        for bad in [
            "",
            "user=a",
            "user=\x01auth=Bearer x\x01\x01",
            "user=a\x01auth=Bearer x",
            "n,,\x01\x01",
        ] {
            assert_eq!(answer(google, bad), None, "{bad:?}");
            assert_eq!(answer(standard, bad), None, "{bad:?}");
        }
        assert_eq!(Exchange::Refused.answer(vec![1]), Some(Turn::Over));
    }

    #[test]
    fn plain_answers() {
        let answer = |bytes: &[u8]| Exchange::First(Mechanism::Plain).answer(bytes.to_vec());
        assert!(matches!(answer(b"\0ann\0pw"), Some(Turn::Said(_))));
        for bad in ["", "ann", "\0ann", "\0ann\0", "\0\0pw", "\0ann\0pw\0x"] {
            assert_eq!(answer(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(answer(b"\0ann\0\xff"), None);
        assert_eq!(login(b"ann", b""), None);
        assert_eq!(login(b"\xff", b"x"), None);
        assert_eq!(decode(b"="), Some(Vec::new()));
        assert_eq!(decode(b"YQ"), None);
        for mechanism in Mechanism::ALL {
            assert_eq!(
                Mechanism::parse(&mechanism.name().to_lowercase()),
                Some(mechanism)
            );
        }
        assert_eq!(Mechanism::parse("CRAM-MD5"), None);
    }
}
