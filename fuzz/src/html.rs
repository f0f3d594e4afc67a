//! HTML to text, and text to HTML. The bytes are either.

use tandem::domain::text::{HTML_MAX_BYTES, html_from_plain, plain_from_html};

/// As HTML: it becomes tidy text without control characters, in space that the input bounds. As a text: its HTML holds
/// no markup but ours, and reads again as it was written. That time is in proportion as well is the fuzzer's to see: it
/// stops at an input that takes too long.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    as_html(&text);
    as_text(&text);
}

fn as_html(html: &str) {
    let text = plain_from_html(html);
    assert!(text.len() <= 4 * html.len().min(HTML_MAX_BYTES) + 16, "{} bytes of {}", text.len(), html.len());
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    assert!(!text.contains("\n\n\n") && !text.ends_with('\n'), "{text:?}");
    assert!(text.lines().all(|line| line.trim_end() == line), "{text:?}");
}

fn as_text(text: &str) {
    let html = html_from_plain(text);
    let bare = html.replace("<br>", "").replace("<code>", "").replace("</code>", "");
    assert!(!bare.contains(['<', '>', '"', '\'', '{', '}']), "{html}");
    if html.len() > HTML_MAX_BYTES {
        return;
    }
    // White space is laid out anew, and nobody sees the zero-width characters that editors leave.
    let shown = |text: &str| -> String {
        text.chars()
            .filter(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '\u{200b}' | '\u{feff}'))
            .collect()
    };
    assert_eq!(shown(&plain_from_html(&html)), shown(text));
}
