//! The decoration that people, contact cards and forms put around the digits of a phone number. It never judges a
//! number.

/// A number without its decoration.
pub(super) struct Bare {
    /// All digits, in ASCII.
    pub(super) digits: String,
    /// Whether a `+` stands before the digits.
    pub(super) is_international: bool,
    /// Whether a zero stands in parentheses, as in `+44 (0)20`.
    pub(super) has_trunk_zero: bool,
    /// Whether the text was digits only.
    pub(super) is_plain: bool,
    /// The number of digits in its first group; 0 where that is in parentheses, as an area code is.
    pub(super) first_group: usize,
}

/// The schemes that links and messaging services put before a number.
const SCHEMES: [&str; 4] = ["tel:", "sms:", "whatsapp:", "callto:"];

/// The words and signs before an extension or a pause in dialling. Longer ones come first, because some end in others.
const EXTENSIONS: [&str; 16] =
    ["extensión", "extension", "anexo", "extn", "xtn", "ext", "int", "доб", "ｘ", "x", "#", "~", ",", "p", "w", ";"];

/// The most digits of an extension.
const EXTENSION_MAX: usize = 7;

/// The number in a text; `None` where the text holds a character that belongs to no number.
pub(super) fn take_off(raw: &str) -> Option<Bare> {
    if !raw.chars().any(|c| plain(c).is_ascii_digit()) {
        // Nearly every name that is asked whether it is a number.
        return None;
    }
    let text: String = raw.chars().filter(|c| !is_unseen(*c)).map(plain).flat_map(char::to_lowercase).collect();
    let text = text.trim();
    let number =
        SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)).map_or(text, |rest| rest.trim_start_matches('/'));
    let (number, context) = without_parameters(number)?;
    let main = without_extension(number).trim();
    let start = main.find(|c: char| c.is_ascii_digit())?;
    let (head, tail) = main.split_at(start);
    let is_separator = |c: char| matches!(c, ' ' | '-' | '.' | '/' | '(' | ')');
    let is_head = head.chars().all(|c| matches!(c, '+' | ' ' | '('));
    if !is_head || !tail.chars().all(|c| c.is_ascii_digit() || is_separator(c)) {
        return None;
    }
    let has_plus = head.contains('+');
    let context = context.filter(|_| !has_plus).unwrap_or_default();
    Some(Bare {
        digits: context.chars().chain(tail.chars()).filter(char::is_ascii_digit).collect(),
        is_international: has_plus || !context.is_empty(),
        has_trunk_zero: tail.contains("(0)"),
        first_group: if head.contains('(') { 0 } else { tail.bytes().take_while(u8::is_ascii_digit).count() },
        is_plain: head.is_empty() && main == number && main.bytes().all(|b| b.is_ascii_digit()),
    })
}

/// The number without the parameters of a `tel:` address, and the country code that one of them may give. `None` where
/// a semicolon introduces anything else, such as a second number.
fn without_parameters(number: &str) -> Option<(&str, Option<&str>)> {
    let Some((number, parameters)) = number.split_once(';') else { return Some((number.trim(), None)) };
    let mut context = None;
    for parameter in parameters.split(';') {
        match parameter.trim().split_once('=') {
            Some(("phone-context", value)) if value.starts_with('+') => context = Some(value),
            Some((name, _)) if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {}
            // A contact card's "wait, then dial".
            None if is_dialled_later(parameter.trim()) => {}
            Some(_) | None => return None,
        }
    }
    Some((number.trim(), context))
}

fn is_dialled_later(text: &str) -> bool {
    text.chars().count() <= EXTENSION_MAX && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '#' | '*' | ','))
}

fn without_extension(number: &str) -> &str {
    let text = number.trim_end().trim_end_matches('#');
    let main = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - main.len();
    if !(1..=EXTENSION_MAX).contains(&digits) {
        return number;
    }
    let main = main.trim_end_matches([' ', '.', ':', '-']);
    let Some(main) = EXTENSIONS.iter().find_map(|mark| main.strip_suffix(mark)) else { return number };
    main.trim_end_matches([' ', ','])
}

/// Characters without meaning in a number: soft hyphen, zero-width characters, direction marks, byte order mark.
fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The character in ASCII, if it is a digit of another script, a dash, a space or a bracket.
pub(super) fn plain(character: char) -> char {
    /// The zeros of the scripts whose digits the library reads.
    const ZEROS: [u32; 15] =
        [0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xff10];
    match character {
        '[' => '(',
        ']' => ')',
        '!'..='~' => character,
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{30fc}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '＋' => '+',
        '（' | '［' => '(',
        '）' | '］' => ')',
        '．' => '.',
        '／' => '/',
        '～' | '\u{2053}' | '\u{223c}' => '~',
        _ if character.is_whitespace() => ' ',
        _ => {
            let digit = |zero: &u32| u32::from(character).checked_sub(*zero).filter(|digit| *digit < 10);
            ZEROS.iter().find_map(digit).and_then(|digit| char::from_digit(digit, 10)).unwrap_or(character)
        }
    }
}
