//! Addresses in HTML: those that a phone can open, and the form in which they are shown.

use super::super::invisible::visible;

/// The shown form of a link's address; `None` for one that leads nowhere outside its page, or that runs a script.
pub(super) fn of_link(href: &str) -> Option<String> {
    let href = as_browsers_read(href);
    let (scheme, rest) = href.split_once(':')?;
    match scheme.to_ascii_lowercase().as_str() {
        // The recipient, without a prepared subject or body.
        "mailto" | "tel" | "sms" => Some(rest.split(['?', '&']).next()?.to_owned()).filter(|rest| !rest.is_empty()),
        // A folder on the agent's own machine, a page's own source, or a program.
        "file" | "view-source" | "javascript" | "data" | "blob" | "vbscript" => None,
        // The web, and the apps that a phone opens by an address of their own.
        scheme if is_scheme(scheme) => {
            let leads = rest.strip_prefix("//").is_some_and(|rest| !rest.trim_matches('/').is_empty());
            leads.then_some(href)
        }
        _ => None,
    }
}

/// The address of a picture, film or page inside the page; `None` for one that only the agent's browser can open:
/// `data:`, `blob:`, `cid:`, or a path without a server.
pub(super) fn of_media(source: &str) -> Option<String> {
    let source = of_link(source)?;
    let (scheme, _) = source.split_once(':')?;
    matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https").then_some(source)
}

/// The address as a browser reads it from an attribute: trimmed, without line breaks and tabs, blanks encoded, and with
/// a scheme where it begins with a server.
fn as_browsers_read(address: &str) -> String {
    let address: String = address
        .trim_matches(|c: char| c <= ' ' || c.is_whitespace())
        .chars()
        .filter(|c| !c.is_control())
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    let address = address.replace(' ', "%20");
    if address.starts_with("//") { format!("https:{address}") } else { address }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// Whether a link's text is its address, perhaps without the parts that browsers leave out. The reader gets only one of
/// the two, so both must lead to the same page: the case of letters matters in a path, but not in a server's name.
pub(super) fn is_same(text: &str, address: &str) -> bool {
    let text = visible(text.trim());
    let is_number = address.contains(|c: char| c.is_ascii_digit())
        && !address.contains(|c: char| c.is_alphabetic() || matches!(c, '@' | ':'));
    if is_number {
        let dialled = |number: &str| number.chars().filter(|c| !is_number_decoration(*c)).collect::<String>();
        return dialled(&text) == dialled(address);
    }
    bare(&text) == bare(address)
}

fn is_number_decoration(character: char) -> bool {
    character.is_whitespace() || matches!(character, '(' | ')' | '-' | '.' | '/' | '\u{2010}'..='\u{2015}')
}

fn bare(address: &str) -> String {
    let scheme = ["https://", "http://", "mailto:"]
        .into_iter()
        .find(|scheme| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let address = address.get(scheme.map_or(0, str::len)..).unwrap_or_default();
    let (server, path) = address.split_at(address.find(['/', '?', '#']).unwrap_or(address.len()));
    let server = server.to_lowercase();
    let server = server.strip_prefix("www.").unwrap_or(&server);
    format!("{server}{path}").trim_end_matches('/').to_owned()
}

/// Whether the description of a picture helps a reader who does not see it. File names, addresses and the word for a
/// picture do not.
pub(super) fn says_something(description: &str) -> bool {
    let description = description.to_lowercase();
    let is_file = description.rsplit_once('.').is_some_and(|(_, ending)| {
        matches!(ending, "png" | "jpg" | "jpeg" | "gif" | "webp" | "svg" | "bmp" | "tif" | "tiff" | "heic" | "avif")
    });
    let is_word =
        matches!(description.as_str(), "image" | "img" | "picture" | "photo" | "gif" | "inline image" | "emoji");
    let is_address = description.contains("://");
    !is_file && !is_word && !is_address && description.contains(char::is_alphanumeric)
}

/// Whether the description of a picture is the picture itself as a character, as for an emoji.
pub(super) fn is_symbol(description: &str) -> bool {
    const SYMBOL_MAX_CHARS: usize = 16;
    !description.is_ascii()
        && description.chars().nth(SYMBOL_MAX_CHARS).is_none()
        && !description.contains(|c: char| c.is_alphabetic())
}
