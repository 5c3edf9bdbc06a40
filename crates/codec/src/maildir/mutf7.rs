//! Modified UTF-7 (RFC 3501 §5.1.3): folder names of IMAP in ASCII.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Encodes a name: printable ASCII stands for itself, `&` is `&-`, the rest is base64 of
/// UTF-16 between `&` and `-`.
pub fn mutf7_encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut shifted = Vec::new();
    for char in name.chars() {
        if matches!(char, ' '..='~') {
            unshift(&mut out, &mut shifted);
            out.push(char);
            if char == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0; 2];
            shifted.extend(
                char.encode_utf16(&mut units)
                    .iter()
                    .flat_map(|unit| unit.to_be_bytes()),
            );
        }
    }
    unshift(&mut out, &mut shifted);
    out
}

/// Writes the characters that wait to be encoded.
fn unshift(out: &mut String, shifted: &mut Vec<u8>) {
    if shifted.is_empty() {
        return;
    }
    out.push('&');
    for three in shifted.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=three.len() {
            let index = bits >> (18 - 6 * digit) & 63;
            out.extend(ALPHABET.get(index as usize).copied().map(char::from));
        }
    }
    out.push('-');
    shifted.clear();
}

/// Decodes a name. `None` unless it is exactly what [`mutf7_encode`] makes of the result,
/// so that no two names decode alike.
pub fn mutf7_decode(name: &str) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((plain, after)) = rest.split_once('&') {
        out.push_str(plain);
        let (shifted, after) = after.split_once('-')?;
        match shifted {
            "" => out.push('&'),
            digits => out.push_str(&utf16_of(digits)?),
        }
        rest = after;
    }
    out.push_str(rest);
    (mutf7_encode(&out) == name).then_some(out)
}

fn utf16_of(digits: &str) -> Option<String> {
    let (mut bits, mut count) = (0u32, 0);
    let mut units = Vec::new();
    for digit in digits.bytes() {
        let value = ALPHABET.iter().position(|&letter| letter == digit)?;
        // At most 15 bits wait, so 21 fit.
        bits = (bits << 6 | value as u32) & 0x1f_ffff;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push((bits >> count & 0xffff) as u16);
        }
    }
    String::from_utf16(&units).ok()
}
