//! Filling a pack: runs go in, frames of neighbouring runs come out sealed.

use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStore;
use rayon::prelude::*;

use super::pack::{self, FrameAt, Name, SealedFrame, Style};
use super::{PIECE, Upload, object_path, wrap_frame};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::keys::{TenantKeys, object_name};

/// Frames close at about this many bytes: large enough for neighbours to compress each
/// other, small enough that reading one message opens little else.
const FRAME: usize = 256 << 10;
/// Closed frames are sealed and written when this much waits: bounds memory, feeds all cores.
const WAITING: usize = 16 << 20;

/// An object is named by a row within this time or not at all, in µs: `fsck` takes an unnamed one
/// that is much older for an orphan.
const UNNAMED: i64 = 3_600_000_000;

/// [`StoreError::Guard`] for an object that lay about unnamed since `began`, for so long that
/// somebody's `fsck` may have taken it for an orphan, as when its writer was asleep.
pub(crate) fn may_be_named(began: i64) -> Result<()> {
    match now_us() - began < UNNAMED {
        true => Ok(()),
        false => Err(StoreError::Guard),
    }
}

/// What a frame holds; runs of a kind are neighbours because they compress each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Headers and text.
    Skeleton = 0,
    /// Decoded attachments.
    Part = 1,
}

/// A stretch of stored bytes: frame id (or number, before ids are known), offset, length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) frame: i64,
    pub(crate) at: u64,
    pub(crate) length: u64,
}

impl Run {
    /// The run once its pack's first frame got id `first`.
    pub(crate) fn based(self, first: i64) -> Self {
        Run {
            frame: self.frame + first,
            ..self
        }
    }
}

struct OpenFrame {
    number: u32,
    kind: FrameKind,
    plain: Vec<u8>,
}

/// A frame that lies in the object store.
pub(crate) struct WrittenFrame {
    pub(crate) place: FrameAt,
    pub(crate) kind: FrameKind,
    /// Wrapped.
    pub(crate) key: Vec<u8>,
}

/// A durable pack that the catalog does not know yet.
pub(crate) struct WrittenPack {
    pub(crate) name: Name,
    pub(crate) size: u64,
    /// By number.
    pub(crate) frames: Vec<WrittenFrame>,
    /// When its writing began, µs since 1970.
    began: i64,
}

impl WrittenPack {
    /// See [`may_be_named`].
    pub(crate) fn may_be_named(&self) -> Result<()> {
        may_be_named(self.began)
    }
}

/// A pack being filled.
pub(crate) struct PackWriter {
    keys: Arc<TenantKeys>,
    name: Name,
    began: i64,
    style: Style,
    frame: usize,
    upload: Upload,
    next: u32,
    open: [Option<OpenFrame>; 2],
    closed: Vec<OpenFrame>,
    closed_bytes: usize,
    written: Vec<(u32, WrittenFrame)>,
}

impl PackWriter {
    /// A new pack.
    pub(crate) async fn create(
        objects: Arc<dyn ObjectStore>,
        keys: Arc<TenantKeys>,
        style: Style,
    ) -> Result<Self> {
        let name = object_name()?;
        let mut upload = Upload::new(objects, object_path("packs", &name));
        upload.write(Bytes::from(pack::preamble(&name))).await?;
        Ok(PackWriter {
            keys,
            name,
            began: now_us(),
            style,
            frame: FRAME,
            upload,
            next: 0,
            open: [None, None],
            closed: Vec::new(),
            closed_bytes: 0,
            written: Vec::new(),
        })
    }

    /// Closes frames at about `frame` bytes instead of the usual size.
    pub(crate) fn framed(self, frame: usize) -> Self {
        PackWriter {
            frame: frame.clamp(1, PIECE),
            ..self
        }
    }

    /// Adds a run that is held whole, at most one piece long.
    pub(crate) async fn add(&mut self, kind: FrameKind, bytes: &[u8]) -> Result<Run> {
        if bytes.len() > PIECE {
            return self.add_pieces(kind, bytes.chunks(PIECE)).await;
        }
        let limit = self.frame;
        let slot = self.slot(kind);
        let full = slot
            .as_ref()
            .is_some_and(|open| open.plain.len() + bytes.len() > limit);
        if full {
            let frame = slot.take();
            self.close(frame).await?;
        }
        let number = self.next;
        let slot = self.slot(kind);
        let open = slot.get_or_insert_with(|| OpenFrame {
            number,
            kind,
            plain: Vec::new(),
        });
        let run = Run {
            frame: i64::from(open.number),
            at: open.plain.len() as u64,
            length: bytes.len() as u64,
        };
        open.plain.extend_from_slice(bytes);
        if run.frame == i64::from(number) && run.at == 0 {
            self.next += 1;
        }
        Ok(run)
    }

    /// Adds a run in pieces of exactly [`PIECE`] bytes (the last may be shorter), each in
    /// a frame of its own, so that neither side ever holds the whole.
    pub(crate) async fn add_pieces<'a, B: AsRef<[u8]> + 'a>(
        &mut self,
        kind: FrameKind,
        pieces: impl Iterator<Item = B> + Send,
    ) -> Result<Run> {
        let mut run = self.begin();
        for piece in pieces {
            let plain = piece.as_ref().to_vec();
            drop(piece);
            self.add_piece(kind, &mut run, plain).await?;
        }
        Ok(run)
    }

    /// A run to which [`PackWriter::add_piece`] adds, with nothing else between.
    pub(crate) fn begin(&self) -> Run {
        Run {
            frame: i64::from(self.next),
            at: 0,
            length: 0,
        }
    }

    /// Adds the next piece of a run, in a frame of its own.
    pub(crate) async fn add_piece(
        &mut self,
        kind: FrameKind,
        run: &mut Run,
        plain: Vec<u8>,
    ) -> Result<()> {
        run.length += plain.len() as u64;
        let frame = OpenFrame {
            number: self.next,
            kind,
            plain,
        };
        self.next += 1;
        self.close(Some(frame)).await
    }

    fn slot(&mut self, kind: FrameKind) -> &mut Option<OpenFrame> {
        let [skeleton, part] = &mut self.open;
        match kind {
            FrameKind::Skeleton => skeleton,
            FrameKind::Part => part,
        }
    }

    async fn close(&mut self, frame: Option<OpenFrame>) -> Result<()> {
        if let Some(frame) = frame {
            self.closed_bytes += frame.plain.len();
            self.closed.push(frame);
        }
        if self.closed_bytes >= WAITING {
            self.flush().await?;
        }
        Ok(())
    }

    /// Compresses and seals all closed frames on all cores, then writes them.
    async fn flush(&mut self) -> Result<()> {
        self.closed_bytes = 0;
        let closed = std::mem::take(&mut self.closed);
        let (keys, name, style) = (self.keys.clone(), self.name, self.style);
        /// Number, kind, frame, wrapped key.
        type Sealed = (u32, FrameKind, SealedFrame, Vec<u8>);
        let sealed: Vec<Result<Sealed>> = tokio::task::spawn_blocking(move || {
            closed
                .into_par_iter()
                .map(|frame| {
                    let sealed =
                        pack::seal_frame(keys.tenant, &name, frame.number, &frame.plain, style)?;
                    let wrapped = wrap_frame(&keys, &name, frame.number, &sealed.key)?;
                    Ok((frame.number, frame.kind, sealed, wrapped))
                })
                .collect()
        })
        .await
        .map_err(|_| StoreError::Stopped)?;
        for frame in sealed {
            let (number, kind, frame, key) = frame?;
            let place = FrameAt {
                at: self.upload.written(),
                sealed: frame.sealed_length(),
                plain: u32::try_from(frame.plain).unwrap_or(u32::MAX),
            };
            self.upload.write(Bytes::from(frame.bytes)).await?;
            self.written
                .push((number, WrittenFrame { place, kind, key }));
        }
        Ok(())
    }

    /// Closes every frame and makes the pack durable. `None` if nothing was added.
    pub(crate) async fn finish(mut self) -> Result<Option<WrittenPack>> {
        let open = std::mem::take(&mut self.open);
        self.closed.extend(open.into_iter().flatten());
        if self.closed.is_empty() && self.written.is_empty() {
            return Ok(None);
        }
        if let Err(error) = self.flush().await {
            self.upload.abort().await;
            return Err(error);
        }
        self.written.sort_by_key(|(number, _)| *number);
        let frames: Vec<WrittenFrame> = self.written.into_iter().map(|(_, frame)| frame).collect();
        let places: Vec<FrameAt> = frames.iter().map(|frame| frame.place).collect();
        self.upload
            .write(Bytes::from(pack::closing(&places)))
            .await?;
        let size = self.upload.finish().await?;
        Ok(Some(WrittenPack {
            name: self.name,
            size,
            frames,
            began: self.began,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_that_lay_about_unnamed_is_given_up() {
        let written = |age: i64| WrittenPack {
            name: Name::default(),
            size: 0,
            frames: Vec::new(),
            began: now_us() - age,
        };
        assert!(written(0).may_be_named().is_ok());
        let late = written(UNNAMED + 1).may_be_named();
        assert!(matches!(late, Err(StoreError::Guard)));
    }
}
