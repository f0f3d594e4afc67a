//! The shapes of values that several tables share: addresses, secrets, numbers, words, lists. Never quotes a text that might
//! hold a credential: an address with a password in it is described.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::fault::Flaw;
use super::key::{Make, Shape, plainly};
use super::kind::{Item, Kind};

/// Tokens that are shorter than this are warned about: 16 random characters are beyond guessing over a network.
pub(crate) const TOKEN_MIN_CHARS: usize = 16;

/// The greatest `signature_tolerance_seconds`. Dedupe keys are kept for days, so that a request which is repeated while its
/// signature is still good is always recognised; an hour keeps far away from that.
pub const SIGNATURE_TOLERANCE_MAX_SECONDS: u32 = 3600;

const ONE_TEXT: Kind = Kind::One(Item::Text);

/// Any text.
pub(crate) const TEXT: Shape<String> = text(|text| Ok(text.to_owned()));

/// Texts.
pub(crate) const TEXTS: Shape<Vec<String>> =
    Shape::new(Kind::list(Item::Text), Make::Texts(|texts| Ok(texts.to_vec())), |texts| texts.join(", "), Vec::eq);

/// `true` or `false`.
pub(crate) const FLAG: Shape<bool> = Shape::new(Kind::Flag, Make::Flag(|flag| flag), plainly, bool::eq);

/// An address and a port to listen on.
pub(crate) const ADDRESS: Shape<SocketAddr> = text(|text| {
    let remedy = "Write it like 127.0.0.1:8080 or [::1]:8080";
    text.parse().map_err(|_| Flaw::new("is not an address and a port", remedy))
});

/// The web address of a vendor's account: scheme, host and port only.
pub(crate) fn account_address(text: &str) -> Result<Url, Flaw> {
    match extensible_address(text)? {
        url if url.path() == "/" => Ok(url),
        _ => Err(Flaw::new("has a path", "End it after the host: the paths are added for each call")),
    }
}

/// A directory. A relative one is relative to the directory of the configuration.
pub(crate) const DIRECTORY: Shape<PathBuf> = Shape::new(
    ONE_TEXT,
    Make::Located(|text, base| Ok(base.join(text))),
    |directory| directory.display().to_string(),
    PathBuf::eq,
);

/// One secret.
pub(crate) const SECRET: Shape<SecretString> = secret(|text| Ok(text.into()));

/// A secret that we gave out ourselves.
pub(crate) const TOKEN: Shape<SecretString> = SECRET.noting(|token| is_short(token).then(too_short));

/// Several secrets.
pub(crate) const SECRETS: Shape<Vec<SecretString>> =
    secrets(|texts| Ok(texts.iter().map(|text| text.as_str().into()).collect()));

/// Several secrets that we gave out ourselves.
pub(crate) const TOKENS: Shape<Vec<SecretString>> =
    SECRETS.noting(|tokens| tokens.iter().any(is_short).then(too_short));

/// Values that are written as one text.
pub(crate) const fn text<T: fmt::Display + PartialEq>(make: fn(&str) -> Result<T, Flaw>) -> Shape<T> {
    Shape::new(ONE_TEXT, Make::Text(make), plainly, T::eq)
}

/// A secret with a rule. Of its value nothing is shown but that there is one.
pub(crate) const fn secret(make: fn(&str) -> Result<SecretString, Flaw>) -> Shape<SecretString> {
    Shape::new(Kind::One(Item::Secret), Make::Text(make), |_| "set".to_owned(), is_same)
}

/// Several secrets with a rule. Of their values nothing is shown but how many there are.
pub(crate) const fn secrets(make: fn(&[String]) -> Result<Vec<SecretString>, Flaw>) -> Shape<Vec<SecretString>> {
    Shape::new(
        Kind::list(Item::Secret),
        Make::Texts(make),
        |secrets| match secrets.len() {
            1 => "set".to_owned(),
            many => format!("set, {many} of them"),
        },
        |old, new| old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_same(old, new)),
    )
}

/// A whole number within bounds, both included.
pub(crate) const fn whole(min: u32, max: u32) -> Shape<u32> {
    let make = Make::Integer(|number| u32::try_from(number).map_err(|_| Flaw::new("is out of bounds", "Give less")));
    Shape::new(integer(min, max), make, plainly, u32::eq)
}

/// A time in seconds within bounds, both included.
pub(crate) const fn seconds(min: u32, max: u32) -> Shape<Duration> {
    time::<1>(min, max)
}

/// How far a signature's timestamp may be from our clock.
pub(crate) const SIGNATURE_TOLERANCE: Shape<Duration> = seconds(30, SIGNATURE_TOLERANCE_MAX_SECONDS);

/// A time in units of so many seconds, within bounds, both included.
pub(crate) const fn time<const SECONDS: u64>(min: u32, max: u32) -> Shape<Duration> {
    let make = Make::Integer(|number| Ok(Duration::from_secs(number.unsigned_abs() * SECONDS)));
    Shape::new(integer(min, max), make, |time| (time.as_secs() / SECONDS).to_string(), Duration::eq)
}

/// A time in minutes up to a bound; `None` for 0, which means never.
pub(crate) const fn minutes_or_never(max: u32) -> Shape<Option<Duration>> {
    let make = Make::Integer(|number| {
        Ok(Some(number.unsigned_abs()).filter(|minutes| *minutes > 0).map(|minutes| Duration::from_secs(minutes * 60)))
    });
    let show = |time: &Option<Duration>| time.map_or(0, |time| time.as_secs() / 60).to_string();
    Shape::new(integer(0, max), make, show, Option::eq)
}

const fn integer(min: u32, max: u32) -> Kind {
    Kind::One(Item::Integer { min: min as i64, max: max as i64 })
}

/// A setting that is one of a few words.
pub(crate) trait Word: Copy + PartialEq + 'static {
    /// Every value.
    const ALL: &'static [Self];

    /// The words for them, in that order.
    const WORDS: &'static [&'static str];

    /// The value of a word.
    fn of_word(word: &str) -> Result<Self, Flaw> {
        let value = Self::WORDS.iter().position(|known| *known == word).and_then(|index| Self::ALL.get(index));
        value.copied().ok_or_else(|| Flaw::new("is not one of its words", format!("Give {}", Self::WORDS.join(", "))))
    }

    /// The word for a value.
    fn word(&self) -> &'static str {
        let index = Self::ALL.iter().position(|known| known == self);
        index.and_then(|index| Self::WORDS.get(index)).copied().unwrap_or_default()
    }
}

/// One of the words of `T`.
pub(crate) const fn word<T: Word>() -> Shape<T> {
    Shape::new(Kind::One(Item::Word(T::WORDS)), Make::Text(T::of_word), |value| value.word().to_owned(), T::eq)
}

/// Words of `T`, with a rule for the list.
pub(crate) const fn words<T: Word>(kind: Kind, make: fn(&[String]) -> Result<Vec<T>, Flaw>) -> Shape<Vec<T>> {
    Shape::new(kind, Make::Texts(make), |values| listed(values, |value| value.word()), Vec::eq)
}

/// A list as it is shown.
pub(crate) fn listed<T, S: ToString>(values: &[T], word: impl Fn(&T) -> S) -> String {
    values.iter().map(|value| word(value).to_string()).collect::<Vec<_>>().join(", ")
}

/// A web address that is safe to send credentials and texts to.
pub(crate) fn safe_address(text: &str) -> Result<Url, Flaw> {
    let Ok(url) = Url::parse(text) else {
        return Err(Flaw::new("is not a web address", format!("Write it like https://{}", likely_host(text))));
    };
    if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url)) {
        let problem = "does not start with https:// (http:// is for this machine only)";
        return Err(Flaw::new(problem, "Use https://, so that credentials and texts travel encrypted"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let remedy = "Remove everything between :// and the host";
        return Err(Flaw::new("holds a user name or a password", remedy));
    }
    Ok(url)
}

/// The text where it is the name of a host whose scheme was left out; nothing else of a text is quoted.
fn likely_host(text: &str) -> &str {
    let is_name = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let ends_in_word = |(_, last): (&str, &str)| last.len() <= 10 && last.chars().all(|c| c.is_ascii_alphabetic());
    let is_host = text.split('.').all(is_name) && text.rsplit_once('.').is_some_and(ends_in_word);
    if is_host { text } else { "host" }
}

/// A [`safe_address`] to which paths and parameters can be added.
pub(crate) fn extensible_address(text: &str) -> Result<Url, Flaw> {
    match safe_address(text)? {
        url if url.query().is_none() && url.fragment().is_none() => Ok(url),
        _ => Err(Flaw::new("has a question mark or a hash sign in it", "End it before that")),
    }
}

/// An [`extensible_address`] that is kept to the letter, because a signature covers it.
pub(crate) fn typed_address(text: &str) -> Result<String, Flaw> {
    extensible_address(text).map(|_| text.to_owned())
}

/// Whether the host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        None => false,
    }
}

/// Whether two secrets are one.
pub(crate) fn is_same(old: &SecretString, new: &SecretString) -> bool {
    old.expose_secret() == new.expose_secret()
}

fn is_short(token: &SecretString) -> bool {
    token.expose_secret().chars().count() < TOKEN_MIN_CHARS
}

fn too_short() -> String {
    format!("is or holds a token of fewer than {TOKEN_MIN_CHARS} characters, which can be guessed")
}
