//! Passwords: Argon2id, and nothing that tells an unknown account from a wrong password.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use ring::rand::{SecureRandom, SystemRandom};

/// Fewer characters are guessed; it is what NIST SP 800-63B asks of a password alone.
pub const SHORTEST: usize = 15;
/// More is no password but a burden: hashing takes it whole.
pub const LONGEST: usize = 1024;

/// Why a password is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It has too few characters.
    #[error("a password has at least {SHORTEST} characters")]
    Short,
    /// It has too many bytes.
    #[error("a password has at most {LONGEST} bytes")]
    Long,
    /// No hash could be made of it.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// Hashes a password for keeping. Slow and of much memory by intent: run it apart.
pub fn hash(password: &str) -> Result<String, Unfit> {
    if password.chars().count() < SHORTEST {
        return Err(Unfit::Short);
    }
    if password.len() > LONGEST {
        return Err(Unfit::Long);
    }
    hash_any(password)
}

fn hash_any(password: &str) -> Result<String, Unfit> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Unfit::Hash(error.to_string()))
}

/// A password of 125 random bits that can be read aloud.
pub fn generate() -> Result<String, Unfit> {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut random = [0u8; 25];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| Unfit::Hash("the system gives no random bytes".into()))?;
    let letters =
        random.map(|byte| char::from(*LETTERS.get(usize::from(byte & 31)).unwrap_or(&b'0')));
    let groups: Vec<String> = letters
        .chunks(5)
        .map(|group| group.iter().collect())
        .collect();
    Ok(groups.join("-"))
}

/// True if `password` is the one that `hash` was made of.
pub(crate) fn is(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    password.len() <= LONGEST
        && Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
}

/// The hash of a password that nobody has: what is compared where there is no account, so
/// that the answer takes as long.
pub(crate) fn of_nobody() -> String {
    hash_any("nobody has this").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn a_password_is_itself_alone() {
        let hashed = hash("correct horse battery").unwrap();
        assert!(hashed.starts_with("$argon2id$"), "{hashed}");
        assert!(is("correct horse battery", &hashed));
        assert!(!is("correct horse batterz", &hashed));
        assert!(!is("", &hashed) && !is("correct horse battery", "nonsense"));
        assert_ne!(hash("correct horse battery").unwrap(), hashed);
        assert_eq!(hash("short"), Err(Unfit::Short));
        assert_eq!(hash(&"x".repeat(2000)), Err(Unfit::Long));
        assert!(!is("nobody", &of_nobody()));
        let made = generate().unwrap();
        assert_eq!(made.len(), 29);
        assert!(made != generate().unwrap() && hash(&made).is_ok());
    }
}
