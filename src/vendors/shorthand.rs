//! The shorthand by which an agent asks for a WhatsApp template with its parameters, `&((template=[[its_name]] …))&`, as the
//! tools of Sunshine Conversations spell it. Carriers that know templates share it. Never sends one, and never knows which there are.

/// The two ends of a shorthand for a template.
const OPENS: &str = "&((";
const CLOSES: &str = "))&";

/// The two ends of a value in it.
const VALUE_OPENS: &str = "=[[";
const VALUE_CLOSES: &str = "]]";

/// The template that an agent asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) language: Option<String>,
    /// The kind of the header's file, and its address.
    pub(crate) header: Option<(&'static str, String)>,
    pub(crate) header_texts: Vec<String>,
    pub(crate) body_texts: Vec<String>,
    /// The number of a button, and the end of its address.
    pub(crate) buttons: Vec<(u32, String)>,
}

/// Whether a text holds the shorthand of a template.
pub(crate) fn names_a_template(words: &str) -> bool {
    words.contains(OPENS)
}

/// Reads the shorthand that a whole text is.
///
/// # Errors
/// Its fault, in words for the agent that quote none of it but a name.
pub(crate) fn read(words: &str) -> Result<Wanted, String> {
    let inside = words.trim().strip_prefix(OPENS).and_then(|rest| rest.strip_suffix(CLOSES));
    let Some(mut rest) = inside.filter(|inside| !inside.contains(OPENS)) else {
        return Err("the shorthand of a template has to stand alone, from `&((` to `))&`".to_owned());
    };
    let (mut wanted, mut button) = (Wanted::default(), None);
    while let Some((name, behind)) = rest.split_once(VALUE_OPENS) {
        let Some((value, behind)) = behind.split_once(VALUE_CLOSES) else {
            return Err(
                "a value in the shorthand of the template has no end: each stands between `[[` and `]]`".to_owned()
            );
        };
        let value = in_one_line(value);
        match name.trim() {
            "template" => wanted.name = value,
            "namespace" => wanted.namespace = Some(value),
            "language" => wanted.language = Some(value),
            "header_image" => wanted.header = Some(("image", value)),
            "header_document" => wanted.header = Some(("document", value)),
            "header_video" => wanted.header = Some(("video", value)),
            "header_text" => wanted.header_texts.push(value),
            "body_text" => wanted.body_texts.push(value),
            "button_index" => button = value.parse().ok(),
            "button_url" => wanted.buttons.push((button.take().unwrap_or(0), value)),
            // It is shown where a template cannot go, and only WhatsApp is served here.
            "fallback" => {}
            other if is_word(other) => {
                return Err(format!("the shorthand of the template has `{other}`, which is not known"));
            }
            _ => return Err("the shorthand of the template has a word that is not known".to_owned()),
        }
        rest = behind;
    }
    match rest.trim() {
        "" if is_slug(&wanted.name) => Ok(wanted),
        "" => Err("the shorthand names no template: write `template=[[its_name]]`".to_owned()),
        _ => Err("the shorthand of the template has words outside of `name=[[value]]`".to_owned()),
    }
}

fn is_word(text: &str) -> bool {
    (1..=30).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Whether it may be the name of a template: lower-case letters, digits, underscores and hyphens. Only Bird's slugs have
/// hyphens; another carrier knows no template of such a name, and says so.
fn is_slug(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    (1..=512).contains(&text.len()) && text.bytes().all(is_letter)
}

/// A parameter holds no line break, no tab and no run of spaces.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The places of a text for parameters, `{{name}}` or `{{1}}`, each once, in the order in which they stand.
pub(crate) fn places(text: &str) -> Vec<&str> {
    let mut places = Vec::new();
    for (place, _) in text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")) {
        if !places.contains(&place.trim()) {
            places.push(place.trim());
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorthand_of_a_template_is_read_whole() {
        let words = " &((namespace=[[n_1]] template=[[order_shipped]] fallback=[[f]] language=[[en_US]] \
                     header_image=[[https://example.org/x.png]] body_text=[[Ada\n  L]] body_text=[[7]] button_index=[[1]] \
                     button_url=[[track/7]]))&\n";
        let expected = Wanted {
            name: "order_shipped".into(),
            namespace: Some("n_1".into()),
            language: Some("en_US".into()),
            header: Some(("image", "https://example.org/x.png".into())),
            header_texts: Vec::new(),
            body_texts: vec!["Ada L".into(), "7".into()],
            buttons: vec![(1, "track/7".into())],
        };
        assert_eq!(read(words), Ok(expected));
        assert_eq!(read("&((template=[[t]]))&").map(|wanted| wanted.name), Ok("t".to_owned()));
    }

    #[test]
    fn each_fault_of_a_shorthand_is_named_and_nothing_else_of_it() {
        for (words, told) in [
            ("Hello &((template=[[t]]))&", "has to stand alone"),
            ("&((template=[[t]]))& Hello", "has to stand alone"),
            ("&((template=[[t]]", "has to stand alone"),
            ("&((template=[[a]]))& &((template=[[b]]))&", "has to stand alone"),
            ("&((template=[[t]] body_text=[[x))&", "has no end"),
            ("&((body_text=[[x]]))&", "names no template"),
            ("&((template=[[Ada Lovelace]]))&", "names no template"),
            ("&((template=[[t]] colour=[[red]]))&", "`colour`"),
            ("&((template=[[t]] Ada L=[[red]]))&", "a word that is not known"),
            ("&((template=[[t]] and so on))&", "words outside of"),
            ("&(())&", "names no template"),
        ] {
            let cause = read(words).unwrap_err();
            assert!(cause.contains(told) && !cause.contains("Ada"), "{words}: {cause}");
        }
    }

    #[test]
    fn a_place_counts_once_and_keeps_its_order() {
        assert_eq!(places("Hi {{ name }}, {{order}} left, {{name}}. {{"), ["name", "order"]);
        assert_eq!(places("{{1}}{{2}}"), ["1", "2"]);
        assert!(places("{1} }} {{").is_empty());
    }
}
