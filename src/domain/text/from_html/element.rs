//! The properties of an element's text by its tag: hidden, struck out, raised and the like.

use super::raised::Stand;
use super::tag::Tag;

/// Whether the page hides an element and its content.
pub(super) fn is_hidden(tag: &Tag) -> bool {
    tag.attribute("hidden").is_some()
        || matches!(tag.name.as_str(), "template" | "noframes")
        || tag.has_style("display", "none")
        || tag.has_style("visibility", "hidden")
        || tag.style("font-size").is_some_and(|size| is_nothing(&size))
}

/// Whether a line runs through the text of an element.
pub(super) fn is_struck_out(tag: &Tag) -> bool {
    matches!(tag.name.as_str(), "s" | "del" | "strike")
        || tag.has_style("text-decoration", "line-through")
        || tag.has_style("text-decoration-line", "line-through")
}

/// Whether white space counts in an element.
pub(super) fn is_preformatted(tag: &Tag) -> bool {
    matches!(tag.name.as_str(), "pre" | "listing" | "xmp")
        || ["pre", "pre-wrap", "pre-line", "break-spaces"].iter().any(|word| tag.has_style("white-space", word))
}

/// The height of an element's text beside the text before it; `None` on the same line.
pub(super) fn stand(tag: &Tag) -> Option<Stand> {
    match tag.name.as_str() {
        "sup" => Some(Stand::Higher),
        "sub" => Some(Stand::Lower),
        "small" => Some(Stand::Smaller),
        _ if tag.has_style("vertical-align", "super") => Some(Stand::Higher),
        _ if tag.has_style("vertical-align", "sub") => Some(Stand::Lower),
        _ => None,
    }
}

/// Whether a picture exists to be fetched and not to be seen.
pub(super) fn is_pixel(tag: &Tag) -> bool {
    ["width", "height"].into_iter().any(|side| {
        let given = tag.attribute(side).map(|size| size.trim().to_ascii_lowercase());
        let styled = tag.style(side).or_else(|| tag.style(&format!("max-{side}")));
        let is_one = |size: String| is_nothing(&size) || matches!(size.trim_end_matches("px"), "1" | "1.0");
        [given, styled].into_iter().flatten().any(is_one)
    })
}

/// Whether a length is zero, in any unit.
fn is_nothing(size: &str) -> bool {
    size.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%').parse().is_ok_and(|size: f32| size == 0.0)
}

/// Whether an element has no end.
pub(super) fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}
