//! AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN, OAUTHBEARER (RFC 7628).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A way to say who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// Name and password in one answer.
    Plain,
    /// Name and password in two answers; never standardised, still asked for by clients.
    Login,
    /// A bearer token of OAuth 2.0.
    OAuthBearer,
}

impl Mechanism {
    /// Its name in AUTH.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::OAuthBearer => "OAUTHBEARER",
        }
    }

    /// The mechanism of this name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        [Mechanism::Plain, Mechanism::Login, Mechanism::OAuthBearer]
            .into_iter()
            .find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

/// A password or token; it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(secret: impl Into<String>) -> Self {
        Secret(secret.into())
    }

    /// The text itself, to be compared or sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What a client said to prove who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// By PLAIN or LOGIN.
    Password {
        /// Whom it wants to act as; empty if as itself.
        acts_as: String,
        /// Its name.
        user: String,
        /// Its password.
        password: Secret,
    },
    /// By OAUTHBEARER.
    Bearer {
        /// Whom it wants to act as; empty if the token says it.
        acts_as: String,
        /// The token.
        token: Secret,
    },
}

/// Where an exchange stands, seen by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exchange {
    Plain,
    LoginUser,
    LoginPassword {
        user: String,
    },
    Bearer,
    /// The token was refused: the client acknowledges it, then hears the outcome (RFC 7628 §3.2.3).
    BearerRefused,
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
    pub(super) fn of(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::Plain => Exchange::Plain,
            Mechanism::Login => Exchange::LoginUser,
            Mechanism::OAuthBearer => Exchange::Bearer,
        }
    }

    /// The challenge, in base64.
    pub(super) fn challenge(&self) -> String {
        STANDARD.encode(match self {
            Exchange::Plain | Exchange::Bearer => "",
            Exchange::LoginUser => "Username:",
            Exchange::LoginPassword { .. } => "Password:",
            Exchange::BearerRefused => r#"{"status":"invalid_token"}"#,
        })
    }

    /// Takes the client's answer; `None` if it is malformed.
    pub(super) fn answer(self, bytes: Vec<u8>) -> Option<Turn> {
        if self == Exchange::BearerRefused {
            return Some(Turn::Over);
        }
        let text = String::from_utf8(bytes).ok()?;
        Some(match self {
            Exchange::Plain => Turn::Said(plain(&text)?),
            Exchange::LoginUser => Turn::Ask(Exchange::LoginPassword {
                user: word(&text)?.to_owned(),
            }),
            Exchange::LoginPassword { user } => Turn::Said(Credentials::Password {
                acts_as: String::new(),
                user,
                password: Secret::new(word(&text)?),
            }),
            Exchange::Bearer => Turn::Said(bearer(&text)?),
            Exchange::BearerRefused => Turn::Over,
        })
    }
}

/// Base64 as RFC 4954 wants it; a lone `=` is an answer of nothing.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    match text {
        "=" => Some(Vec::new()),
        _ => STANDARD.decode(text).ok(),
    }
}

/// What a client sends for PLAIN, in base64.
pub(super) fn plain_answer(user: &str, password: &Secret) -> String {
    STANDARD.encode(format!("\0{user}\0{}", password.reveal()))
}

/// What a client sends for one step of LOGIN, in base64.
pub(super) fn login_answer(text: &str) -> String {
    STANDARD.encode(text)
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
    // Channel binding is not offered, so `p=` cannot be.
    let name = head.strip_prefix("n,").or(head.strip_prefix("y,"))?;
    let name = name.strip_suffix(',')?;
    let acts_as = match name.strip_prefix("a=") {
        Some(name) => name.replace("=2C", ",").replace("=3D", "="),
        None if name.is_empty() => String::new(),
        None => return None,
    };
    let pairs = pairs.strip_suffix("\x01\x01")?;
    let mut pairs = pairs.split('\x01').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == "auth")?;
    let (scheme, token) = value.split_once(' ')?;
    let right = scheme.eq_ignore_ascii_case("Bearer") && !token.trim().is_empty();
    right.then(|| Credentials::Bearer {
        acts_as,
        token: Secret::new(token.trim()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_answers() {
        let said = |acts_as: &str, user: &str, password: &str| {
            Some(Turn::Said(Credentials::Password {
                acts_as: acts_as.into(),
                user: user.into(),
                password: Secret::new(password),
            }))
        };
        let answer = |bytes: &[u8]| Exchange::Plain.answer(bytes.to_vec());
        assert_eq!(answer(b"\0ann\0pw"), said("", "ann", "pw"));
        assert_eq!(answer("bob\0ann\0pä".as_bytes()), said("bob", "ann", "pä"));
        for bad in ["", "ann", "\0ann", "\0ann\0", "\0\0pw", "\0ann\0pw\0x"] {
            assert_eq!(answer(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(answer(b"\0ann\0\xff"), None);
        let encoded = plain_answer("ann", &Secret::new("pw"));
        assert_eq!(answer(&decode(&encoded).unwrap()), said("", "ann", "pw"));
    }

    #[test]
    fn bearer_answers() {
        let answer = |text: &str| Exchange::Bearer.answer(text.into());
        let said = |acts_as: &str| {
            Some(Turn::Said(Credentials::Bearer {
                acts_as: acts_as.into(),
                token: Secret::new("abc=="),
            }))
        };
        assert_eq!(
            answer("n,a=a=2Cb=3D@x,\x01host=h\x01port=25\x01auth=Bearer abc==\x01\x01"),
            said("a,b=@x")
        );
        assert_eq!(answer("n,,\x01auth=bearer abc==\x01\x01"), said(""));
        for bad in [
            "",
            "n,,",
            "n,,\x01\x01",
            "n,,\x01auth=Basic x\x01\x01",
            "p=x,,\x01auth=Bearer x\x01\x01",
            "n,,\x01auth=Bearer x",
        ] {
            assert_eq!(answer(bad), None, "{bad:?}");
        }
        assert_eq!(Exchange::BearerRefused.answer(vec![1]), Some(Turn::Over));
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("pw")), "(secret)");
    }

    #[test]
    fn strict_base64() {
        assert_eq!(decode("="), Some(Vec::new()));
        assert_eq!(decode(""), Some(Vec::new()));
        assert_eq!(decode("YQ=="), Some(b"a".to_vec()));
        for bad in ["YQ", "Y Q==", "YQ==\r", "YQ===", "é"] {
            assert_eq!(decode(bad), None);
        }
    }
}
