//! Reads the JSON that hand-written templates really produce.
//!
//! Desks and carriers fill placeholders into JSON that people typed into a text box, so a body may hold raw line breaks
//! and quotation marks inside its strings, stray commas, and no value at all in place of a number. [`parse`] takes
//! valid JSON exactly as serde_json does, and after that only guesses where the structure around can confirm the guess.
//! An unreadable body is an error, never half a value.
//!
//! A key that stands twice in one object is an error too. No template repeats a key, so a second one means that a text
//! was filled in unescaped and broke out of its quotation marks: with either value, the text's author could choose its
//! sender. For the same reason a quotation mark is never recovered where a text would have swallowed a key, because the
//! key's own value would be missing and another might take its place.

use serde_json::{Map, Value};

use super::json::Json;

mod strict;

use self::strict::{DEPTH_MAX, Strict};

/// The longest key that is recognised behind a doubtful quotation mark. Bounds the look ahead.
const KEY_MAX: usize = 128;

/// The reason why a body is no JSON, in words that quote none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJson {
    /// Bytes that are no text.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// Nesting beyond [`DEPTH_MAX`].
    #[error("the body nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// The same key twice in one object.
    #[error("the body has the same key twice in one object; a text may have broken out of its quotation marks")]
    RepeatedKey,
    /// An apparent key inside a string whose quotation marks are doubtful.
    #[error("the body has what looks like a key inside a text; the text may have broken out of its quotation marks")]
    SwallowedKey,
    /// No reading makes sense.
    #[error("the body is not JSON (no reading makes sense, first at byte {0})")]
    Syntax(usize),
}

/// Reads a body: strictly; then with raw control characters, stray commas and missing values; then with raw quotation
/// marks inside strings. A byte order mark is skipped.
///
/// # Errors
///
/// [`NotJson`] when none of these readings gives one whole value.
pub(crate) fn parse(body: &[u8]) -> Result<Value, NotJson> {
    let text = text_of(body)?;
    match serde_json::from_str(text) {
        // Nearly every body: read once.
        Ok(Strict(value)) => Ok(value),
        Err(_) => parse_carefully(text),
    }
}

/// The same, with words that the body lends.
///
/// # Errors
///
/// As [`parse`].
pub(crate) fn lend(body: &[u8]) -> Result<Json<'_>, NotJson> {
    let text = text_of(body)?;
    match serde_json::from_str(text) {
        Ok(Strict(json)) => Ok(json),
        Err(_) => parse_carefully(text).map(Json::from),
    }
}

fn text_of(body: &[u8]) -> Result<&str, NotJson> {
    let text = std::str::from_utf8(body).map_err(|_| NotJson::NotUtf8)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn parse_carefully(text: &str) -> Result<Value, NotJson> {
    let as_written = Reader::new(text, Quotes::AsWritten).document();
    if let Ok(value) = serde_json::from_str(text) {
        // serde_json is the judge of valid JSON, but lets a repeated key and deep nesting pass.
        return as_written.map(|_| value);
    }
    match as_written {
        // Only a syntax error leaves room for another reading of the quotation marks. When that fails as well, the
        // first error says more.
        Err(first @ NotJson::Syntax(_)) => {
            Reader::new(text, Quotes::Recovered).document().map_err(|second| match second {
                NotJson::Syntax(_) => first,
                NotJson::NotUtf8 | NotJson::TooDeep | NotJson::RepeatedKey | NotJson::SwallowedKey => second,
            })
        }
        known => known,
    }
}

/// The meaning of a quotation mark inside a string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// It ends the string, as in JSON.
    AsWritten,
    /// It ends a value only if the text behind it makes structural sense. Keys are typed by hand, so they stay as
    /// written.
    Recovered,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Object,
    List,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Key,
    Value,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    quotes: Quotes,
    open: Vec<Container>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, quotes: Quotes) -> Self {
        Self { text, at: 0, quotes, open: Vec::new() }
    }

    fn document(mut self) -> Result<Value, NotJson> {
        let value = self.value()?;
        self.skip_space();
        if self.at == self.text.len() { Ok(value) } else { Err(self.syntax()) }
    }

    fn value(&mut self) -> Result<Value, NotJson> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.nested(Container::Object, Self::object),
            Some(b'[') => self.nested(Container::List, Self::list),
            Some(b'"') => {
                self.at += 1;
                self.string(Role::Value).map(Value::String)
            }
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => self.word(),
            // An unquoted placeholder that rendered to nothing.
            Some(b',' | b'}') if self.open.last() == Some(&Container::Object) => Ok(Value::Null),
            _ => Err(self.syntax()),
        }
    }

    fn nested(
        &mut self,
        container: Container,
        read: impl FnOnce(&mut Self) -> Result<Value, NotJson>,
    ) -> Result<Value, NotJson> {
        if self.open.len() == DEPTH_MAX {
            return Err(NotJson::TooDeep);
        }
        self.open.push(container);
        self.at += 1;
        let value = read(self);
        self.open.pop();
        value
    }

    fn object(&mut self) -> Result<Value, NotJson> {
        let mut map = Map::new();
        loop {
            let commas = self.skip_commas();
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(map));
                }
                Some(b'"') if commas || map.is_empty() => self.at += 1,
                _ => return Err(self.syntax()),
            }
            let key = self.string(Role::Key)?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.syntax());
            }
            self.at += 1;
            let value = self.value()?;
            if map.insert(key, value).is_some() {
                return Err(NotJson::RepeatedKey);
            }
        }
    }

    fn list(&mut self) -> Result<Value, NotJson> {
        let mut items = Vec::new();
        loop {
            let commas = self.skip_commas();
            match self.peek() {
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                Some(_) if commas || items.is_empty() => items.push(self.value()?),
                _ => return Err(self.syntax()),
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Value, NotJson> {
        let rest = self.rest();
        let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
        let length = rest.bytes().position(|b| !is_part(b)).unwrap_or(rest.len());
        let value = rest.get(..length).and_then(|word| serde_json::from_str(word).ok()).ok_or_else(|| self.syntax())?;
        self.at += length;
        Ok(value)
    }

    /// The rest of a string whose opening quotation mark has been read.
    fn string(&mut self, role: Role) -> Result<String, NotJson> {
        let mut string = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.bytes().position(|b| matches!(b, b'"' | b'\\')).ok_or_else(|| self.syntax())?;
            string.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            if self.peek() == Some(b'\\') {
                self.at += 1;
                string.push(self.escaped()?);
                continue;
            }
            self.at += 1;
            if self.closes(role) {
                return Ok(string);
            }
            if self.ends_a_key() {
                return Err(NotJson::SwallowedKey);
            }
            string.push('"');
        }
    }

    /// The character that an escape stands for; a backslash that escapes nothing stands for itself.
    fn escaped(&mut self) -> Result<char, NotJson> {
        let character = match self.peek() {
            Some(mark @ (b'"' | b'\\' | b'/')) => char::from(mark),
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'u') => {
                let Some(unit) = self.hex4(self.at + 1) else { return Ok('\\') };
                self.at += 5;
                return Ok(self.utf16(unit));
            }
            Some(_) => return Ok('\\'),
            None => return Err(self.syntax()),
        };
        self.at += 1;
        Ok(character)
    }

    /// Completes a surrogate pair. Half a pair becomes the replacement character.
    fn utf16(&mut self, unit: u16) -> char {
        if !(0xd800..0xdc00).contains(&unit) {
            return char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        let low = if self.rest().starts_with("\\u") { self.hex4(self.at + 2) } else { None };
        match low.map(|low| char::decode_utf16([unit, low]).next()) {
            Some(Some(Ok(character))) => {
                self.at += 6;
                character
            }
            _ => char::REPLACEMENT_CHARACTER,
        }
    }

    fn hex4(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at.checked_add(4)?)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u16::from_str_radix(digits, 16).ok()
    }

    /// Whether the quotation mark just read ends its string.
    fn closes(&self, role: Role) -> bool {
        match (self.quotes, role) {
            (Quotes::AsWritten, _) | (Quotes::Recovered, Role::Key) => true,
            (Quotes::Recovered, Role::Value) => self.follows_a_value(),
        }
    }

    /// Whether the quotation mark just read, which does not end its string, ends a key of the template: it has a colon
    /// behind it, and its partner has a comma or an opening brace before it.
    fn ends_a_key(&self) -> bool {
        if self.byte(self.after_space(self.at)) != Some(b':') {
            return false;
        }
        let before = self.text.get(..self.at.saturating_sub(1)).and_then(|text| text.rsplit_once('"'));
        before.is_some_and(|(before, _)| before.trim_ascii_end().ends_with(['{', ',']))
    }

    /// Whether the text here can follow a value, all the way out to the next key or item.
    fn follows_a_value(&self) -> bool {
        let mut at = self.at;
        let mut open = self.open.as_slice();
        loop {
            at = self.after_space(at);
            match (self.byte(at), open.split_last()) {
                (None, None) => return true,
                (Some(b','), Some((container, _))) => {
                    let next = self.after_commas(at);
                    return match container {
                        Container::Object => self.byte(next) == Some(b'}') || self.is_key(next),
                        Container::List => matches!(
                            self.byte(next),
                            Some(b']' | b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')
                        ),
                    };
                }
                (Some(b'}'), Some((Container::Object, outer))) | (Some(b']'), Some((Container::List, outer))) => {
                    open = outer;
                    at += 1;
                }
                _ => return false,
            }
        }
    }

    /// Whether a quoted key and its colon stand at `at`.
    fn is_key(&self, at: usize) -> bool {
        if self.byte(at) != Some(b'"') {
            return false;
        }
        let mut end = at + 1;
        while end <= at + KEY_MAX {
            match self.byte(end) {
                Some(b'"') => return self.byte(self.after_space(end + 1)) == Some(b':'),
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
                None => return false,
            }
        }
        false
    }

    fn skip_space(&mut self) {
        self.at = self.after_space(self.at);
    }

    /// Skips commas, stray ones too, and tells whether there was one.
    fn skip_commas(&mut self) -> bool {
        let before = self.after_space(self.at);
        self.at = self.after_commas(before);
        self.at > before
    }

    fn after_space(&self, at: usize) -> usize {
        self.after(at, |b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
    }

    fn after_commas(&self, at: usize) -> usize {
        self.after(at, |b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b','))
    }

    fn after(&self, at: usize, skip: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        at + rest.iter().position(|b| !skip(*b)).unwrap_or(rest.len())
    }

    fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn syntax(&self) -> NotJson {
        NotJson::Syntax(self.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_templates_produce_is_read() {
        let cases = [
            (
                "valid",
                r#"{"a":"x\ny","b":[1,-2.5,true,false,null],"c":{}}"#,
                json!({"a":"x\ny","b":[1,-2.5,true,false,null],"c":{}}),
            ),
            ("byte order mark", "\u{feff}{\"a\":1}", json!({"a":1})),
            ("raw line breaks", "{\"a\":\"x\r\ny\tz\u{0}\"}", json!({"a":"x\r\ny\tz\u{0}"})),
            ("stray commas", r#"{,"a":{"b":1,},, "c":[,1,,2,],}"#, json!({"a":{"b":1},"c":[1,2]})),
            ("nothing for a number", r#"{"a": ,"b": }"#, json!({"a":null,"b":null})),
            ("a backslash that escapes nothing", r#"{"a":"C:\dir \' \u12"}"#, json!({"a":"C:\\dir \\' \\u12"})),
            ("an emoji in two halves", r#"{,"a":"\ud83d\ude00"}"#, json!({"a":"😀"})),
            ("half an emoji", r#"{"a":"\ud83dx"}"#, json!({"a":"\u{fffd}x"})),
            ("raw quotes", r#"{"a":"say "hi" now","b":"x"}"#, json!({"a":"say \"hi\" now","b":"x"})),
            ("a raw quote at the end", r#"{"a":"he said "hi""}"#, json!({"a":"he said \"hi\""})),
            (
                "raw quotes and commas",
                r#"{"a":"pick "x", "y" or "z", ok","b":1}"#,
                json!({"a":"pick \"x\", \"y\" or \"z\", ok","b":1}),
            ),
            ("raw quotes and braces", r#"{"a":{"b":"print {"x"}, ok"}}"#, json!({"a":{"b":"print {\"x\"}, ok"}})),
            ("raw quotes in a list", r#"["a "b" c","d"]"#, json!(["a \"b\" c", "d"])),
            ("raw quotes and line breaks", "{\"a\":\"5\" wide\n6\" high\"\n}", json!({"a":"5\" wide\n6\" high"})),
            ("raw quotes and a colon", r#"{"a":"he said "hi": ok","b":1}"#, json!({"a":"he said \"hi\": ok","b":1})),
        ];
        for (what, body, expected) in cases {
            assert_eq!(lent(body.as_bytes()).as_ref(), Ok(&expected), "{what}");
            assert_eq!(parse(body.as_bytes()), Ok(expected), "{what}");
        }
    }

    /// A lent body, as a value of its own.
    fn lent(body: &[u8]) -> Result<Value, NotJson> {
        lend(body).map(|json| Value::from(&json))
    }

    #[test]
    fn a_long_object_is_lent_whole_and_its_repeated_key_is_found_in_no_more_than_linear_time() {
        let fields = |many: usize| (0..many).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(",");
        for many in [31, 32, 33, 100, 50_000] {
            let body = format!("{{\"list\":[{{{}}}]}}", fields(many));
            assert_eq!(lent(body.as_bytes()), parse(body.as_bytes()), "{many}");
            let repeated = format!("{{{},\"k{}\":0}}", fields(many), many / 2);
            assert_eq!(lent(repeated.as_bytes()), Err(NotJson::RepeatedKey), "{many}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
        let deep_and_broken = "[,".repeat(100_000);
        type Case<'a> = (&'a str, &'a [u8], fn(NotJson) -> bool);
        let cases: [Case<'_>; 21] = [
            ("empty", b"", |e| matches!(e, NotJson::Syntax(_))),
            ("blank", b" \n", |e| matches!(e, NotJson::Syntax(_))),
            ("a form", b"text=hi&external_id=7", |e| matches!(e, NotJson::Syntax(_))),
            ("truncated string", br#"{"a":"b"#, |e| matches!(e, NotJson::Syntax(_))),
            ("truncated object", br#"{"a":"b""#, |e| matches!(e, NotJson::Syntax(_))),
            ("truncated escape", br#"{"a":"b\"#, |e| matches!(e, NotJson::Syntax(_))),
            ("missing comma", br#"{"a":1 "b":2}"#, |e| matches!(e, NotJson::Syntax(_))),
            ("missing comma in a list", b"[1 2]", |e| matches!(e, NotJson::Syntax(_))),
            ("something behind it", b"{} {}", |e| matches!(e, NotJson::Syntax(_))),
            ("wrong bracket", br#"{"a":[1}"#, |e| matches!(e, NotJson::Syntax(_))),
            ("a word that is none", b"[nul]", |e| matches!(e, NotJson::Syntax(_))),
            ("not UTF-8", b"{\"a\":\"\xff\"}", |e| e == NotJson::NotUtf8),
            ("too deep", deep.as_bytes(), |e| e == NotJson::TooDeep),
            ("too deep and broken", deep_and_broken.as_bytes(), |e| e == NotJson::TooDeep),
            ("a repeated key, else valid", br#"{"a":{"b":1,"b":2}}"#, |e| e == NotJson::RepeatedKey),
            ("a repeated key behind a recovered quote", br#"{"b":"x"y","b":"z"}"#, |e| e == NotJson::RepeatedKey),
            ("a raw quote in a key", br#"{"a "b" c":1}"#, |e| matches!(e, NotJson::Syntax(_))),
            ("a key that swallows one", br#"{"a":{"b":"x"},"c":2,"q"},"c":1}"#, |e| matches!(e, NotJson::Syntax(_))),
            ("a list that swallows a key", br#"{"a":["r","b":"x","c":["y"]}"#, |e| e == NotJson::SwallowedKey),
            ("a backslash that swallows a key", br#"{"a":"r\","b":"x"}"#, |e| e == NotJson::SwallowedKey),
            ("a text that swallows a first key", br#"{"a":"r" s{ "b" :1"}"#, |e| e == NotJson::SwallowedKey),
        ];
        for (what, body, is_expected) in cases {
            let got = parse(body);
            assert!(got.as_ref().is_err_and(|e| is_expected(*e)), "{what}: {got:?}");
            assert_eq!(lent(body), got, "{what}");
        }
    }

    #[test]
    fn the_error_quotes_nothing() {
        let error = parse(br#"{"text":"my secret"#).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn hostile_bodies_take_linear_time() {
        // 256 KiB of doubtful quotation marks, each with a text to look ahead over. Quadratic work would take minutes;
        // the bound is generous, for slow machines.
        let started = std::time::Instant::now();
        for unit in ["\"", "\",", "\" ", "\"}", "\",\"", "\\\"", "\",\"k\"", "\"}]", "\" :", "\"  \" :"] {
            let body = format!("{{\"a\":\"{}", unit.repeat(256 * 1024 / unit.len()));
            for quotes in [Quotes::AsWritten, Quotes::Recovered] {
                drop(Reader::new(&body, quotes).document());
            }
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(10));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\"\\\\,:{}\\[\\] \n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"\\\\,:{} ]{0,8}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn valid_json_is_read_as_serde_json_reads_it(value in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            prop_assert_eq!(parse(text.as_bytes()), Ok(value.clone()));
            prop_assert_eq!(lent(text.as_bytes()), Ok(value.clone()));
            // The tolerant readings agree, because tolerance never changes valid JSON.
            for quotes in [Quotes::AsWritten, Quotes::Recovered] {
                prop_assert_eq!(Reader::new(&text, quotes).document(), Ok(value.clone()));
            }
        }

        #[test]
        fn any_bytes_end_in_a_value_or_an_error(body: Vec<u8>) {
            prop_assert_eq!(lent(&body), parse(&body));
            if let (Ok(strict), Ok(ours)) = (serde_json::from_slice::<Value>(&body), parse(&body)) {
                prop_assert_eq!(strict, ours);
            }
        }

        #[test]
        fn anything_like_json_ends_in_a_value_or_an_error(body in "[{}\\[\\]\",:\\\\ua0-9nte \n😀]{0,200}") {
            prop_assert_eq!(lent(body.as_bytes()), parse(body.as_bytes()));
            let strict = serde_json::from_str::<Value>(&body);
            match parse(body.as_bytes()) {
                Ok(ours) => if let Ok(strict) = strict { prop_assert_eq!(strict, ours) },
                Err(NotJson::RepeatedKey) => {}
                Err(error) => prop_assert!(strict.is_err(), "{}", error),
            }
        }

        #[test]
        fn an_unescaped_text_between_known_keys_is_recovered(text in "[a-zA-Z0-9 .!?'\"\n]{0,80}") {
            // Without comma, colon, brace or backslash, only one reading makes sense.
            let body = format!("{{\"ticket\": {{\"comment\": {{\"body\": \"{text}\"}}, \"priority\": \"normal\"}}}}");
            let read = parse(body.as_bytes());
            prop_assert_eq!(read, Ok(json!({"ticket": {"comment": {"body": text}, "priority": "normal"}})));
        }
    }
}
