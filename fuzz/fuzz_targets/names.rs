//! Names survive decoding and encoding.
#![no_main]

use everpost_codec::maildir::{
    Name, dir_of_folder, folder_of_dir, keywords, mutf7_decode, mutf7_encode,
};
use everpost_codec::{apple, eml, mbox, segment};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Some(name) = Name::parse(input) {
        assert_eq!(Name::parse(&name.file_name()), Some(name));
    }
    keywords(input);
    apple::emlx(input);
    eml::looks_like_mail(input);
    mbox::from_line_date(input);
    mbox::from_line_sender(input);
    if let Some(path) = folder_of_dir(input) {
        assert!(dir_of_folder(&path).len() <= 200);
    }
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    assert_eq!(mutf7_decode(&mutf7_encode(text)).as_deref(), Some(text));
    if let Some(decoded) = mutf7_decode(text) {
        assert_eq!(mutf7_encode(&decoded), text);
    }
    if let Some(decoded) = segment::decode(&segment::encode(text)) {
        assert_eq!(decoded, text);
    }
});
