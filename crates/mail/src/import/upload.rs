//! Files that were handed over: read from where they lie sealed.

use std::io::{Seek, SeekFrom};
use std::path::Path;

use everpost_codec::mbox::Dialect;
use everpost_store::Spooled;

use super::UploadKind;
use super::archive::{read_entry, read_tar_of, read_zip_of};
use super::folder::{self, Names};
use super::mbox::MboxReader;
use super::source::{Cursor, Ended, Sink, source_error};

/// The one unit of a file that is no archive.
const UNIT: &[u8] = b"upload";

pub(super) fn read(
    kind: UploadKind,
    name: &str,
    file: &Spooled,
    from: &Cursor,
    sink: &mut Sink<'_>,
) -> Result<(), Ended> {
    let path = Path::new(name);
    let mut input = file.open().map_err(|error| source_error(path, error))?;
    match kind {
        UploadKind::Zip => read_zip_of(input, path, from, sink),
        UploadKind::Tar => read_tar_of(input, path, from, sink),
        UploadKind::Eml => match from.start_in(UNIT) {
            Some(start) => read_entry(name, UNIT.to_vec(), start, &mut input, sink),
            None => Ok(()),
        },
        UploadKind::Mbox => {
            let Some(start) = from.start_in(UNIT) else {
                return Ok(());
            };
            input
                .seek(SeekFrom::Start(start))
                .map_err(|error| source_error(path, error))?;
            let mut reader = MboxReader {
                name: name.into(),
                folder: folder::of_mbox(Names::default(), path),
                unit: UNIT.to_vec(),
                dialect: Dialect::Auto,
                whole: false,
            };
            reader.read(&mut input, start, sink)
        }
    }
}
