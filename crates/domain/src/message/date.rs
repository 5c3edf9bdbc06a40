//! Dates as mail writes them (RFC 5322 §3.3, §4.3), with their zone.

/// An instant and the zone it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix: i64,
    /// Offset of the zone as written, in minutes east of UTC.
    pub offset_minutes: i16,
}

/// Reads a Date field's value; `None` where no instant can be made of it.
pub fn parse_date(_value: &[u8]) -> Option<Sent> {
    None
}
