//! Character references of HTML (frozen with rendering version 1).

/// The character that the reference after an `&` names, and what follows it.
pub(super) fn entity(after: &str) -> Option<(char, &str)> {
    match after.strip_prefix('#') {
        Some(number) => numeric(number),
        None => named(after),
    }
}

fn numeric(number: &str) -> Option<(char, &str)> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    let length = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    let (digits, tail) = digits
        .split_at_checked(length)
        .filter(|(digits, _)| !digits.is_empty())?;
    let code = digits
        .chars()
        .filter_map(|c| c.to_digit(radix))
        .fold(0u32, |sum, digit| {
            sum.saturating_mul(radix).saturating_add(digit)
        });
    let byte = u8::try_from(code)
        .ok()
        .filter(|code| (0x80..=0x9f).contains(code));
    let c = match byte {
        // Senders mean windows-1252, and browsers read it so.
        Some(byte) => encoding_rs::WINDOWS_1252
            .decode_without_bom_handling(&[byte])
            .0
            .chars()
            .next(),
        None => char::from_u32(code).filter(|&c| c != '\0'),
    };
    Some((
        c.unwrap_or(char::REPLACEMENT_CHARACTER),
        tail.strip_prefix(';').unwrap_or(tail),
    ))
}

fn named(after: &str) -> Option<(char, &str)> {
    /// The longest name below.
    const LONGEST: usize = 8;
    let length = after
        .bytes()
        .take(LONGEST + 1)
        .position(|b| !b.is_ascii_alphanumeric())
        .unwrap_or(after.len().min(LONGEST + 1));
    let (name, tail) = after.split_at_checked(length)?;
    let symbol = || SYMBOLS.iter().find(|(known, _)| *known == name);
    match tail.strip_prefix(';') {
        Some(tail) => Some((
            LATIN_1
                .iter()
                .find(|(known, _)| *known == name)
                .or_else(symbol)?
                .1,
            tail,
        )),
        None => Some((LATIN_1.iter().find(|(known, _)| *known == name)?.1, tail)),
    }
}

/// Names that may stand without `;`.
#[rustfmt::skip]
const LATIN_1: &[(&str, char)] = &[
    ("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("AMP", '&'), ("LT", '<'), ("GT", '>'),
    ("QUOT", '"'), ("COPY", '©'), ("REG", '®'), ("nbsp", '\u{a0}'), ("iexcl", '¡'), ("cent", '¢'),
    ("pound", '£'), ("curren", '¤'), ("yen", '¥'), ("brvbar", '¦'), ("sect", '§'), ("uml", '¨'),
    ("copy", '©'), ("ordf", 'ª'), ("laquo", '«'), ("not", '¬'), ("shy", '\u{ad}'), ("reg", '®'),
    ("macr", '¯'), ("deg", '°'), ("plusmn", '±'), ("sup2", '²'), ("sup3", '³'), ("acute", '´'),
    ("micro", 'µ'), ("para", '¶'), ("middot", '·'), ("cedil", '¸'), ("sup1", '¹'), ("ordm", 'º'),
    ("raquo", '»'), ("frac14", '¼'), ("frac12", '½'), ("frac34", '¾'), ("iquest", '¿'),
    ("Agrave", 'À'), ("Aacute", 'Á'), ("Acirc", 'Â'), ("Atilde", 'Ã'), ("Auml", 'Ä'), ("Aring", 'Å'),
    ("AElig", 'Æ'), ("Ccedil", 'Ç'), ("Egrave", 'È'), ("Eacute", 'É'), ("Ecirc", 'Ê'), ("Euml", 'Ë'),
    ("Igrave", 'Ì'), ("Iacute", 'Í'), ("Icirc", 'Î'), ("Iuml", 'Ï'), ("ETH", 'Ð'), ("Ntilde", 'Ñ'),
    ("Ograve", 'Ò'), ("Oacute", 'Ó'), ("Ocirc", 'Ô'), ("Otilde", 'Õ'), ("Ouml", 'Ö'), ("times", '×'),
    ("Oslash", 'Ø'), ("Ugrave", 'Ù'), ("Uacute", 'Ú'), ("Ucirc", 'Û'), ("Uuml", 'Ü'), ("Yacute", 'Ý'),
    ("THORN", 'Þ'), ("szlig", 'ß'), ("agrave", 'à'), ("aacute", 'á'), ("acirc", 'â'), ("atilde", 'ã'),
    ("auml", 'ä'), ("aring", 'å'), ("aelig", 'æ'), ("ccedil", 'ç'), ("egrave", 'è'), ("eacute", 'é'),
    ("ecirc", 'ê'), ("euml", 'ë'), ("igrave", 'ì'), ("iacute", 'í'), ("icirc", 'î'), ("iuml", 'ï'),
    ("eth", 'ð'), ("ntilde", 'ñ'), ("ograve", 'ò'), ("oacute", 'ó'), ("ocirc", 'ô'), ("otilde", 'õ'),
    ("ouml", 'ö'), ("divide", '÷'), ("oslash", 'ø'), ("ugrave", 'ù'), ("uacute", 'ú'), ("ucirc", 'û'),
    ("uuml", 'ü'), ("yacute", 'ý'), ("thorn", 'þ'), ("yuml", 'ÿ'),
];

/// Names that need their `;`.
#[rustfmt::skip]
const SYMBOLS: &[(&str, char)] = &[
    ("apos", '\''), ("OElig", 'Œ'), ("oelig", 'œ'), ("Scaron", 'Š'), ("scaron", 'š'), ("Yuml", 'Ÿ'),
    ("fnof", 'ƒ'), ("circ", 'ˆ'), ("tilde", '˜'), ("ensp", '\u{2002}'), ("emsp", '\u{2003}'),
    ("thinsp", '\u{2009}'), ("zwnj", '\u{200c}'), ("zwj", '\u{200d}'), ("lrm", '\u{200e}'),
    ("rlm", '\u{200f}'), ("ndash", '–'), ("mdash", '—'), ("lsquo", '‘'), ("rsquo", '’'),
    ("sbquo", '‚'), ("ldquo", '“'), ("rdquo", '”'), ("bdquo", '„'), ("dagger", '†'), ("Dagger", '‡'),
    ("bull", '•'), ("hellip", '…'), ("permil", '‰'), ("prime", '′'), ("Prime", '″'), ("lsaquo", '‹'),
    ("rsaquo", '›'), ("oline", '‾'), ("frasl", '⁄'), ("euro", '€'), ("image", 'ℑ'), ("real", 'ℜ'),
    ("trade", '™'), ("larr", '←'), ("uarr", '↑'), ("rarr", '→'), ("darr", '↓'), ("harr", '↔'),
    ("lArr", '⇐'), ("rArr", '⇒'), ("hArr", '⇔'), ("forall", '∀'), ("part", '∂'), ("exist", '∃'),
    ("empty", '∅'), ("nabla", '∇'), ("isin", '∈'), ("notin", '∉'), ("prod", '∏'), ("sum", '∑'),
    ("minus", '−'), ("radic", '√'), ("prop", '∝'), ("infin", '∞'), ("and", '∧'), ("or", '∨'),
    ("cap", '∩'), ("cup", '∪'), ("int", '∫'), ("there4", '∴'), ("sim", '∼'), ("asymp", '≈'),
    ("ne", '≠'), ("equiv", '≡'), ("le", '≤'), ("ge", '≥'), ("sub", '⊂'), ("sup", '⊃'), ("sube", '⊆'),
    ("supe", '⊇'), ("oplus", '⊕'), ("otimes", '⊗'), ("perp", '⊥'), ("loz", '◊'), ("spades", '♠'),
    ("clubs", '♣'), ("hearts", '♥'), ("diams", '♦'), ("Alpha", 'Α'), ("Beta", 'Β'), ("Gamma", 'Γ'),
    ("Delta", 'Δ'), ("Theta", 'Θ'), ("Lambda", 'Λ'), ("Pi", 'Π'), ("Sigma", 'Σ'), ("Phi", 'Φ'),
    ("Psi", 'Ψ'), ("Omega", 'Ω'), ("alpha", 'α'), ("beta", 'β'), ("gamma", 'γ'), ("delta", 'δ'),
    ("epsilon", 'ε'), ("zeta", 'ζ'), ("eta", 'η'), ("theta", 'θ'), ("iota", 'ι'), ("kappa", 'κ'),
    ("lambda", 'λ'), ("mu", 'μ'), ("nu", 'ν'), ("xi", 'ξ'), ("pi", 'π'), ("rho", 'ρ'), ("sigma", 'σ'),
    ("tau", 'τ'), ("phi", 'φ'), ("chi", 'χ'), ("psi", 'ψ'), ("omega", 'ω'), ("tab", '\t'), ("Tab", '\t'),
    ("NewLine", '\n'), ("check", '✓'), ("phone", '☎'), ("star", '☆'), ("lang", '⟨'), ("rang", '⟩'),
];
