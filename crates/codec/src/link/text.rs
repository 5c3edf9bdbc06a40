//! Bytes as JSON has them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A key or a hash: 32 bytes, in base64 within JSON. It may be a secret, so it does not show itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bytes32(pub [u8; 32]);

impl fmt::Debug for Bytes32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bytes32")
    }
}

impl Serialize for Bytes32 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes32 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = STANDARD.decode(text).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(Bytes32)
            .ok_or_else(|| de::Error::custom("not 32 bytes in base64"))
    }
}

/// A user's state, by its name.
pub(super) mod state {
    use everpost_domain::continuity::UserState;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in crate::link) fn serialize<S: Serializer>(
        state: &UserState,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(state.name())
    }

    pub(in crate::link) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<UserState, D::Error> {
        let name = String::deserialize(from)?;
        UserState::named(&name).ok_or_else(|| de::Error::custom("no state of a user"))
    }
}
