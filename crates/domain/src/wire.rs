//! The byte language of Everpost's own records: LEB128 numbers and length-prefixed
//! bytes. Every durable record opens with a version byte and is read with a [`Reader`]
//! that can fail but never panics and never allocates more than it was given.

/// Appends values to a record.
#[derive(Debug, Default, Clone)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// One byte.
    pub fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    /// An unsigned number as LEB128.
    pub fn number(&mut self, mut value: u64) -> &mut Self {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                self.0.push(low);
                return self;
            }
            self.0.push(low | 0x80);
        }
    }

    /// A signed number, zigzag-coded, as LEB128.
    pub fn signed(&mut self, value: i64) -> &mut Self {
        self.number(((value << 1) ^ (value >> 63)) as u64)
    }

    /// Bytes of a length both sides know.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Length, then bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64).raw(bytes)
    }

    /// Length, then UTF-8.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// 0, or 1 and the value.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        match value {
            None => self.byte(0),
            Some(value) => {
                self.byte(1);
                write(self, value);
                self
            }
        }
    }

    /// The finished record.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True before the first byte.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The record ended early, or holds a value its field cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged record: {0}")]
pub struct Damaged(pub &'static str);

/// Reads what a [`Writer`] wrote.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Read from the start of `record`.
    pub fn new(record: &'a [u8]) -> Self {
        Reader(record)
    }

    /// Bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// True when everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Damaged> {
        let (&first, rest) = self.0.split_first().ok_or(Damaged("ends early"))?;
        self.0 = rest;
        Ok(first)
    }

    /// An unsigned number.
    pub fn number(&mut self) -> Result<u64, Damaged> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                return Err(Damaged("number too large"));
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damaged("number too long"))
    }

    /// An unsigned number that counts or measures something in memory.
    pub fn length(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.number()?).map_err(|_| Damaged("length too large"))
    }

    /// A signed number.
    pub fn signed(&mut self) -> Result<i64, Damaged> {
        let zigzag = self.number()?;
        Ok(((zigzag >> 1) as i64) ^ -((zigzag & 1) as i64))
    }

    /// Bytes of a known length.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (head, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(Damaged("ends early"))?;
        self.0 = rest;
        Ok(head)
    }

    /// An array of a known length.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (head, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(Damaged("ends early"))?;
        self.0 = rest;
        Ok(*head)
    }

    /// Length, then bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let length = self.length()?;
        self.raw(length)
    }

    /// Length, then UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damaged("text is not UTF-8"))
    }

    /// 0, or 1 and a value.
    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Damaged>,
    ) -> Result<Option<T>, Damaged> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(Damaged("neither absent nor present")),
        }
    }
}
