//! The kinds of files that go onto a ticket, and their names. Pure: never looks at the file itself.

use url::Url;

/// The longest name, without its ending.
const NAME_CHARS_MAX: usize = 60;

/// Endings of the types that phones send. Any other type gets its own name or `bin`.
const ENDINGS: [(&str, &str); 20] = [
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/heic", "heic"),
    ("image/heif", "heif"),
    ("image/tiff", "tiff"),
    ("image/bmp", "bmp"),
    ("video/mp4", "mp4"),
    ("video/3gpp", "3gp"),
    ("video/quicktime", "mov"),
    ("video/webm", "webm"),
    ("audio/mpeg", "mp3"),
    ("audio/mp4", "m4a"),
    ("audio/amr", "amr"),
    ("audio/ogg", "ogg"),
    ("audio/wav", "wav"),
    ("audio/3gpp", "3gp"),
    ("application/pdf", "pdf"),
    ("text/vcard", "vcf"),
];

/// A kind of file that is allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) content_type: String,
}

impl Kind {
    /// Reads a `Content-Type`; `None` for a kind that is not allowed. SVG is not, because it can hold scripts.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        let content_type = content_type.split(';').next()?.trim().to_ascii_lowercase();
        let (family, name) = content_type.split_once('/')?;
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+' | b'_');
        if name.is_empty() || name.len() > 80 || !name.bytes().all(is_plain) || name.starts_with("svg") {
            return None;
        }
        let is_allowed = match family {
            "image" | "video" | "audio" => true,
            "application" => name == "pdf",
            "text" => matches!(name, "vcard" | "x-vcard"),
            _ => false,
        };
        is_allowed.then_some(Self { content_type })
    }

    /// A safe name from the last part of the address. Its ending follows from the type, never from the address.
    pub(super) fn file_name(&self, url: &Url) -> String {
        let last = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
        let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
        let is_harmless = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        // Percent signs are dropped, so that no encoded character can appear later.
        let stem: String = stem.chars().filter(is_harmless).take(NAME_CHARS_MAX).collect();
        let stem = stem.trim_matches(|c| matches!(c, '-' | '_'));
        format!("{}.{}", if stem.is_empty() { "media" } else { stem }, self.ending())
    }

    fn ending(&self) -> &str {
        if let Some((_, ending)) = ENDINGS.iter().find(|(kind, _)| *kind == self.content_type) {
            return ending;
        }
        match self.content_type.as_str() {
            "text/x-vcard" => "vcf",
            _ => "bin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_agent_can_look_at_is_allowed() {
        let allowed = [
            "image/jpeg",
            "IMAGE/PNG",
            "video/mp4; codecs=\"avc1\"",
            " audio/amr ",
            "application/pdf",
            "text/vcard;charset=utf-8",
            "text/x-vcard",
        ];
        let refused = [
            "",
            "image",
            "image/",
            "/png",
            "text/html",
            "image/svg+xml",
            "image/SVG",
            "application/javascript",
            "application/octet-stream",
            "image/png\r\nx: y",
            "image/p ng",
            "multipart/form-data",
            "text/plain",
        ];
        for content_type in allowed {
            assert!(Kind::of(content_type).is_some(), "{content_type}");
        }
        for content_type in refused {
            assert_eq!(Kind::of(content_type), None, "{content_type}");
        }
    }

    #[test]
    fn a_name_is_harmless_and_its_ending_fits_the_type() {
        let cases = [
            ("https://a.example/media/MM123.jpg", "image/jpeg", "MM123.jpg"),
            ("https://a.example/media/MM123", "image/png", "MM123.png"),
            ("https://a.example/x.exe", "image/gif", "x.gif"),
            ("https://a.example/x.php.jpg", "image/jpeg", "xphp.jpg"),
            ("https://a.example/..%2f..%2fetc%2fpasswd", "image/jpeg", "2f.jpg"),
            ("https://a.example/%22%0d%0a.png", "image/png", "220d0a.png"),
            ("https://a.example/", "video/mp4", "media.mp4"),
            ("https://a.example", "text/x-vcard", "media.vcf"),
            ("https://a.example/.htaccess", "image/x-canon-cr2", "media.bin"),
            ("https://a.example/é", "application/pdf", "C3A9.pdf"),
        ];
        for (url, content_type, name) in cases {
            let kind = Kind::of(content_type).unwrap();
            assert_eq!(kind.file_name(&Url::parse(url).unwrap()), name, "{url}");
        }
        let long = Url::parse(&format!("https://a.example/{}", "x".repeat(500))).unwrap();
        assert_eq!(Kind::of("image/png").unwrap().file_name(&long).len(), NAME_CHARS_MAX + 4);
    }
}
