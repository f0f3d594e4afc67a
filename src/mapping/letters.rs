//! Capital and small letters by Ruby's rules, letter by letter and in every script.

/// Every letter as a capital.
pub(super) fn upcase(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).collect()
}

/// Every letter as a small one. Each letter is taken by itself, so a sigma at the end of a word is like any other.
pub(super) fn downcase(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The first letter as a capital, all others small.
pub(super) fn capitalize(text: &str) -> String {
    let mut rest = text.chars();
    let mut capitalized = rest.next().map(title).unwrap_or_default();
    capitalized.push_str(&downcase(rest.as_str()));
    capitalized
}

/// A letter in title case, which is no capital in some scripts (Unicode, SpecialCasing.txt and UnicodeData.txt).
fn title(letter: char) -> String {
    let capital = upcase(letter.encode_utf8(&mut [0; 4]));
    match letter {
        // Two letters in one sign: only the first is a capital.
        'Ǆ'..='ǆ' => "ǅ".to_owned(),
        'Ǉ'..='ǉ' => "ǈ".to_owned(),
        'Ǌ'..='ǌ' => "ǋ".to_owned(),
        'Ǳ'..='ǳ' => "ǲ".to_owned(),
        // Georgian has capitals only for texts that are all capitals.
        '\u{10d0}'..='\u{10ff}' | '\u{1c90}'..='\u{1cbf}' => downcase(&capital),
        // A Greek vowel keeps its iota below or beside it.
        '\u{1f80}'..='\u{1faf}' => char::from_u32(u32::from(letter) | 8).unwrap_or(letter).to_string(),
        'ᾳ' | 'ᾼ' => "ᾼ".to_owned(),
        'ῃ' | 'ῌ' => "ῌ".to_owned(),
        'ῳ' | 'ῼ' => "ῼ".to_owned(),
        '\u{1fb2}'..='\u{1ff7}' if capital.len() > 3 && capital.ends_with('\u{399}') => {
            capital.replace('\u{399}', "\u{345}")
        }
        // Ligatures and the German sharp s become several letters. An apostrophe is no letter.
        'ß' | 'և' | '\u{fb00}'..='\u{fb17}' => {
            let mut letters = capital.chars();
            let first = letters.next().map(String::from).unwrap_or_default();
            first + &downcase(letters.as_str())
        }
        _ => capital,
    }
}
