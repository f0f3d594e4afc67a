//! Turns a comment's text into Zendesk's form of it: placeholders, collapsing, cutting. Pure.
//!
//! Placeholders are expanded when an agent creates a comment. The rule for a comment by the API's user, who is an
//! agent, that shows a customer as its author is unconfirmed. So every comment made through the API is expanded here:
//! a caller that does not make a customer's `{{` harmless leaks.

use super::super::text::{collapse, cut, escape_html, expand, plain};

/// The longest comment, in bytes; the rest is dropped without a word.
const MAX_COMMENT_BYTES: usize = 64 * 1024;

/// The HTML of a comment that was given as `html_body`: layout kept, placeholders expanded outside `<code>`.
pub(super) fn from_html(html: &str, values: &[(&str, String)]) -> String {
    // Unconfirmed whether an entity-encoded brace still opens a placeholder. The careful reading: it does.
    let html = html.replace("&#123;", "{").replace("&#x7b;", "{").replace("&#x7B;", "{").replace("&lbrace;", "{");
    let html = html.replace("&#125;", "}").replace("&#x7d;", "}").replace("&#x7D;", "}").replace("&rbrace;", "}");
    let mut out = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some(start) = rest.find("<code>") {
        let (before, code) = rest.split_at(start);
        out.push_str(&expand(before, values, escape_html));
        let end = code.find("</code>").unwrap_or(code.len());
        let (code, after) = code.split_at(end);
        out.push_str(code);
        rest = after;
    }
    out.push_str(&expand(rest, values, escape_html));
    wrap(cut(&without_scripts(&out), MAX_COMMENT_BYTES))
}

/// The HTML of a comment that was given as `body`: HTML stripped, runs of spaces and line breaks collapsed.
pub(super) fn from_body(body: &str, values: &[(&str, String)]) -> String {
    let text = collapse(&plain_keeping_lines(body));
    let text = expand(&text, values, str::to_owned).replace("\\{{", "{{");
    wrap(&format!("<p dir=\"auto\">{}</p>", escape_html(cut(&text, MAX_COMMENT_BYTES)).replace('\n', "<br>")))
}

/// The wrapping that Zendesk puts around every comment's HTML.
pub(super) fn wrap(html: &str) -> String {
    format!("<div class=\"zd-comment\" dir=\"auto\">{html}</div>")
}

fn plain_keeping_lines(body: &str) -> String {
    if body.contains('<') { plain(body) } else { body.to_owned() }
}

fn without_scripts(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find("<script") {
        let (before, script) = rest.split_at(start);
        out.push_str(before);
        rest = script.split_once("</script>").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<(&'static str, String)> {
        vec![("ticket.id", "42".into()), ("current_user.email", "secret@sandbox.invalid".into())]
    }

    #[test]
    fn placeholders_are_expanded_unless_made_harmless() {
        for (html, seen) in [
            ("{{ticket.id}}", "42"),
            ("a {{ current_user.email }} b", "a secret@sandbox.invalid b"),
            ("{{unknown.thing}}!", "!"),
            ("&#123;&#123;ticket.id}}", "42"),
            ("&#123;&#123;ticket.id&#125;&#125;", "42"),
            ("<code>{{ticket.id}}</code> {{ticket.id}}", "{{ticket.id}} 42"),
            ("{\u{200b}{ticket.id}}", "{\u{200b}{ticket.id}}"),
            ("open {{ only", "open {{ only"),
            ("x<script>alert(1)</script>y", "xy"),
        ] {
            assert_eq!(plain(&from_html(html, &values())), seen, "{html}");
        }
    }

    #[test]
    fn a_body_loses_its_layout_and_its_html() {
        for (body, seen) in [
            ("one\n\n\ntwo   three", "one\ntwo three"),
            ("<b>bold</b> text", "bold text"),
            ("\\{{ticket.id}} {{ticket.id}}", "{{ticket.id}} 42"),
            ("a & b", "a & b"),
        ] {
            assert_eq!(plain(&from_body(body, &values())), seen, "{body}");
        }
    }

    #[test]
    fn a_long_comment_is_cut_silently() {
        let html = from_html(&"x".repeat(MAX_COMMENT_BYTES + 10), &[]);
        assert_eq!(plain(&html).len(), MAX_COMMENT_BYTES);
    }
}
