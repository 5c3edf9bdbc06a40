//! Any bytes are a TNEF stream or none; what is found lies inside of it.
#![no_main]

use everpost_codec::tnef::{SIGNATURE, Tnef, decompress_rtf};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let stream = [&SIGNATURE[..], input].concat();
    if let Some(tnef) = Tnef::read(&stream) {
        let held: usize = tnef.attachments.iter().map(|one| one.data.len()).max().unwrap_or(0);
        assert!(held <= stream.len());
        if let Some(rtf) = tnef.compressed_rtf {
            decompress_rtf(rtf, 1 << 16);
        }
    }
    let limited = decompress_rtf(input, 1000);
    assert!(limited.is_none_or(|rtf| rtf.len() <= 1000));
});
