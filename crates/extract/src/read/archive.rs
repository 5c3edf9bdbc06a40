//! Archives: ZIP, tar and gzip. What is inside is read as a document of its own; links are not
//! followed, because nothing is ever put on a disk.

use std::io::{Cursor, Read};

use super::{Item, Reader, odf, ooxml, plain};
use crate::Gap;

/// An open ZIP file.
pub(super) type Zip<'a> = zip::ZipArchive<Cursor<&'a [u8]>>;

/// A ZIP file: an office document by what it holds, else an archive.
pub(super) fn zip(reader: &mut Reader, item: &Item<'_>, depth: u32) {
    let Ok(mut archive) = Zip::new(Cursor::new(item.bytes)) else {
        return reader.miss(Gap::Damaged);
    };
    if archive.index_for_name("[Content_Types].xml").is_some() {
        return ooxml::read(reader, &mut archive, depth);
    }
    if archive.index_for_name("mimetype").is_some()
        && archive.index_for_name("content.xml").is_some()
    {
        return odf::read(reader, &mut archive, depth);
    }
    for index in 0..archive.len() {
        if !reader.entry() {
            return;
        }
        if let Some((name, bytes)) = entry(reader, &mut archive, index) {
            let content_type = "";
            let item = Item {
                name: &name,
                content_type,
                charset: "",
                bytes: &bytes,
            };
            reader.inner(&item, depth);
        }
    }
}

/// Name and bytes of an entry; `None` for what is no file and for what cannot be read.
pub(super) fn entry(
    reader: &mut Reader,
    archive: &mut Zip<'_>,
    index: usize,
) -> Option<(String, Vec<u8>)> {
    match archive.by_index_raw(index) {
        Ok(raw) if raw.encrypted() => {
            reader.miss(Gap::Encrypted);
            return None;
        }
        Ok(raw) if !raw.is_file() => return None,
        Ok(_) => {}
        Err(_) => {
            reader.miss(Gap::Damaged);
            return None;
        }
    }
    match archive.by_index(index) {
        Ok(file) => {
            let name = file.name().map_or_else(
                |_| String::from_utf8_lossy(file.name_raw()).into_owned(),
                |name| name.into_owned(),
            );
            let bytes = reader.unpack(file);
            Some((name, bytes))
        }
        Err(zip::result::ZipError::UnsupportedArchive(_)) => {
            reader.miss(Gap::Unsupported);
            None
        }
        Err(_) => {
            reader.miss(Gap::Damaged);
            None
        }
    }
}

/// The XML of a named entry as text; `None` if there is none.
pub(super) fn xml(reader: &mut Reader, archive: &mut Zip<'_>, name: &str) -> Option<String> {
    let index = archive.index_for_name(name)?;
    let (_, bytes) = entry(reader, archive, index)?;
    Some(plain::xml(&bytes))
}

/// A gzip file: the one document inside.
pub(super) fn gzip(reader: &mut Reader, item: &Item<'_>, depth: u32) {
    let bytes = reader.unpack(flate2::read::MultiGzDecoder::new(item.bytes));
    if !reader.entry() {
        return;
    }
    // `a.tar.gz` holds `a.tar`.
    let name = item.name.strip_suffix(".gz").unwrap_or_default();
    let item = Item {
        name,
        content_type: "",
        charset: "",
        bytes: &bytes,
    };
    reader.inner(&item, depth);
}

/// A tar file: its regular files.
pub(super) fn tar(reader: &mut Reader, bytes: &[u8], depth: u32) {
    let mut archive = tar::Archive::new(bytes);
    let Ok(entries) = archive.entries() else {
        return reader.miss(Gap::Damaged);
    };
    for entry in entries {
        if !reader.entry() {
            return;
        }
        let Ok(mut entry) = entry else {
            return reader.miss(Gap::Damaged);
        };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let bytes = reader.unpack(entry.by_ref());
        let item = Item {
            name: &name,
            content_type: "",
            charset: "",
            bytes: &bytes,
        };
        reader.inner(&item, depth);
    }
}
