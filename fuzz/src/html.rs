//! HTML to text, and text to HTML. The bytes are either.

use tandem::domain::text::{HTML_MAX_BYTES, html_from_plain, plain_from_html, segments, to_gsm7, visible};

/// As HTML: it becomes tidy text without control characters, in space that the input bounds. As a text: its HTML holds
/// no markup but ours, and reads again as it was written. That time is in proportion as well is the fuzzer's to see: it
/// stops at an input that takes too long.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    as_html(&text);
    as_text(&text);
    as_plain(&text);
}

fn as_html(html: &str) {
    let text = plain_from_html(html);
    assert!(text.len() <= 8 * html.len().min(HTML_MAX_BYTES) + 32, "{} bytes of {}", text.len(), html.len());
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    assert!(!text.contains("\n\n\n") && !text.ends_with('\n'), "{text:?}");
    assert!(text.lines().all(|line| line.trim_end() == line), "{text:?}");
    // No character is left that is charged for and changes nothing.
    assert_eq!(visible(&text), text);
}

fn as_text(text: &str) {
    let html = html_from_plain(text);
    let bare = html.replace("<br>", "").replace("<code>", "").replace("</code>", "");
    assert!(!bare.contains(['<', '>', '"', '\'', '{', '}']), "{html}");
    if html.len() > HTML_MAX_BYTES {
        return;
    }
    assert_eq!(shown(&plain_from_html(&html)), shown(text));
}

/// White space is laid out anew; direction marks are looked at line by line, and the lines are new as well. Characters that
/// are unseen everywhere go first, so that those on both their sides become neighbours.
fn shown(text: &str) -> String {
    let is_mark = |c: char| matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let text: String = text.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !is_mark(*c)).collect();
    visible(&text)
}

/// As a plain text: leaving characters out makes it no dearer, and once is enough.
fn as_plain(text: &str) {
    for change in [visible, to_gsm7] {
        let once = change(text);
        assert_eq!(change(&once), once);
    }
    assert!(segments(&visible(text)).segments <= segments(text).segments, "{text:?}");
}
