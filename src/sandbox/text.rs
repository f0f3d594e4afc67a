//! The few things that a vendor does to text: HTML to plain text, escaping, placeholders, random names. Pure.

use crate::clock::Clock;

/// The letters of a ULID.
pub(super) const ULID_ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Escapes text for HTML.
pub(super) fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The text that a reader sees of `html`: tags dropped, line breaks kept, the common entities decoded.
pub(super) fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let (before, tagged) = rest.split_at(start);
        out.push_str(before);
        let Some((tag, after)) = tagged.split_once('>') else {
            rest = "";
            break;
        };
        let name = tag.trim_start_matches(['<', '/']).trim_end_matches('/').trim().to_ascii_lowercase();
        let name = name.split_whitespace().next().unwrap_or("");
        let closes_block = tag.starts_with("</") && matches!(name, "p" | "div" | "li" | "tr" | "blockquote");
        if name == "br" || closes_block {
            out.push('\n');
        }
        rest = after;
    }
    out.push_str(rest);
    let decoded = decode_entities(&out);
    decoded.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

/// Decodes numeric entities and the named ones that matter here; leaves the rest as it stands.
pub(super) fn decode_entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        let (before, entity) = rest.split_at(start);
        out.push_str(before);
        let decoded = entity.find(';').and_then(|end| Some((entity.get(1..end)?, entity.get(end.checked_add(1)?..)?)));
        match decoded.and_then(|(name, after)| Some((decode_entity(name)?, after))) {
            Some((character, after)) => {
                out.push(character);
                rest = after;
            }
            None => {
                out.push('&');
                rest = entity.get(1..).unwrap_or("");
            }
        }
    }
    out.push_str(rest);
    out
}

fn decode_entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        "lbrace" | "lcub" => Some('{'),
        "rbrace" | "rcub" => Some('}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// Runs of spaces become one space and runs of line breaks one line break, as Zendesk does to a comment's `body`.
pub(super) fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        let repeated = matches!(character, ' ' | '\n') && out.ends_with(character);
        if !repeated {
            out.push(character);
        }
    }
    out
}

/// Cuts `text` to at most `bytes` bytes, at a character's end.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or("")
}

/// `length` random characters of `alphabet`.
pub(super) fn random(clock: &Clock, alphabet: &[u8], length: usize) -> String {
    let size = u32::try_from(alphabet.len()).unwrap_or(1).max(1);
    (0..length)
        .filter_map(|_| alphabet.get(usize::try_from(clock.draw_u32() % size).ok()?).map(|byte| char::from(*byte)))
        .collect()
}

/// `length` random hexadecimal digits.
pub(super) fn random_hex(clock: &Clock, length: usize) -> String {
    random(clock, b"0123456789abcdef", length)
}

/// Fills placeholders; an unknown one becomes nothing, as in any Liquid. `\{{` is left alone.
pub(super) fn expand(text: &str, values: &[(&str, String)], escape: fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, opened) = rest.split_at(start);
        out.push_str(before);
        let inside = opened.get(2..).unwrap_or("");
        match inside.split_once("}}") {
            Some((name, after)) if !before.ends_with('\\') => {
                let value = values.iter().find(|(known, _)| *known == name.trim()).map(|(_, value)| escape(value));
                out.push_str(&value.unwrap_or_default());
                rest = after;
            }
            Some(_) | None => {
                out.push_str("{{");
                rest = inside;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_reads_as_a_reader_sees_it() {
        for (html, seen) in [
            ("<p>one</p><p>two</p>", "one\ntwo"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<b>x</b> &amp; &#123;&#x7b; &lt;y&gt;", "x & {{ <y>"),
            ("AT&T &unknown; &", "AT&T &unknown; &"),
            ("left <open", "left "),
        ] {
            assert_eq!(plain(html).trim_end(), seen.trim_end(), "{html}");
        }
    }

    #[test]
    fn runs_collapse_but_single_ones_stay() {
        assert_eq!(collapse("a  b\n\n\nc \n d\r\n\r\ne"), "a b\nc \n d\ne");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("aé", 99), "aé");
    }
}
