//! Where a page ends, as text.

use std::fmt;
use std::str::FromStr;

use super::Cursor;
use crate::error::StoreError;

/// `1.SENT.SEQ.HORIZON`, and `.SCORE` in the order by score.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}.{}.{}", self.sent, self.seq, self.horizon)?;
        match self.score {
            Some(bits) => write!(f, ".{bits}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let wrong = || {
            StoreError::Invalid(format!(
                "`{text}` is not a cursor; give `next` of an earlier answer"
            ))
        };
        let mut fields = text.split('.');
        let mut next = || fields.next().ok_or_else(wrong);
        if next()? != "1" {
            return Err(wrong());
        }
        let cursor = Cursor {
            sent: next()?.parse().map_err(|_| wrong())?,
            seq: next()?.parse().map_err(|_| wrong())?,
            horizon: next()?.parse().map_err(|_| wrong())?,
            score: match fields.next() {
                Some(bits) => Some(bits.parse().map_err(|_| wrong())?),
                None => None,
            },
        };
        match fields.next() {
            Some(_) => Err(wrong()),
            None => Ok(cursor),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;

    #[test]
    fn a_cursor_survives_being_written() {
        for score in [None, Some(0), Some(1_073_741_824)] {
            let cursor = Cursor {
                sent: -7,
                seq: 12,
                score,
                horizon: u64::MAX,
            };
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        for wrong in [
            "",
            "1",
            "2.0.0.0",
            "1.0.0",
            "1.0.-1.0",
            "1.0.0.0.x",
            "1.0.0.0.0.0",
        ] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
