//! The keys of a Bird account: `[accounts.NAME]` with `vendor = "bird"`.

use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::client::address_of;
use super::signature::{SECRET_PREFIX, is_standard};
use crate::domain::retry::OnUnconfirmed;
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::{About, Field, Make, Shape, Shown};
use crate::keys::kind::{Item, Kind};
use crate::keys::shapes::{
    FLAG, SIGNATURE_TOLERANCE, account_address, is_same, listed, secrets, text, typed_address, word,
};
use crate::keys::table::{Table, table};

table! {
    /// Bird's side of the configuration.
    pub struct Bird {
        /// A key of Bird's API. The region in it chooses the host, so that a key of another region waits for a restart.
        api_key: ApiKey = API_KEY.needed("Set it to an API key of the Bird workspace, which begins with bk_")
            .reloads_unless(|old, new| old.address != new.address),

        /// The host of Bird's API, where it is not that of the region in `api_key`.
        url: Option<Url> = text(account_address).optional().such_as(r#""https://eu1.platform.bird.com""#),

        /// Secrets of Bird's webhook: it signs with one of these. A secret of the second generation stands among them.
        signing_secrets: Vec<SecretString> =
            SIGNING_SECRETS.needed("Set it to the secret that Bird shows once for the webhook").reloads(),

        /// How far a signature's timestamp may be from our clock, either way. Signatures of the second generation may be
        /// nine hours old, because it repeats with the first timestamp.
        signature_tolerance_seconds: Duration = SIGNATURE_TOLERANCE.or("300").reloads(),

        /// The generations whose webhooks are taken.
        generations: Generations = GenerationField,

        /// The number that texts go out from on a line without an address, and whose texts that line takes: one that the
        /// workspace owns. A short code or a name takes no texts.
        sender: String =
            SENDER.needed("Set it to the workspace's number for texts, with its +").set_to(r#""+15550100100""#),

        /// Whether Bird is asked before each reply whether its customer has stopped texts from the line.
        ask_suppressions: bool = FLAG.or("false"),

        /// For a text whose answer was lost and which Bird does not list: `resend` it, or `hold` it for the operator.
        on_unconfirmed: OnUnconfirmed = word().or("resend"),

        /// Whether typographic quotation marks and dashes become plain ones, so that texts need fewer segments.
        gsm7: bool = FLAG.or("false"),
    }
}

impl Bird {
    /// The address of the API.
    pub(super) fn address(&self) -> &Url {
        self.url.as_ref().unwrap_or(&self.api_key.address)
    }
}

/// A key of the API, with the address of its region.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The key.
    pub secret: SecretString,
    /// The address of its region.
    pub address: Url,
}

const API_KEY: Shape<ApiKey> = Shape::new(
    Kind::One(Item::Secret),
    Make::Text(|text| {
        let secret = SecretString::from(text);
        let address = address_of(&secret);
        let remedy = "Make a key in the Bird workspace: bk_, the region, and the rest, such as bk_eu1_…. An AccessKey of \
                      an earlier generation opens another API";
        let address = address.ok_or_else(|| Flaw::new("is no key of Bird's third generation", remedy))?;
        Ok(ApiKey { secret, address })
    }),
    |_| "set".to_owned(),
    |old, new| is_same(&old.secret, &new.secret),
);

const SIGNING_SECRETS: Shape<Vec<SecretString>> = secrets(|texts| {
    let secrets: Vec<SecretString> = texts.iter().map(|text| text.as_str().into()).collect();
    let is_broken = |secret: &SecretString| secret.expose_secret().starts_with(SECRET_PREFIX) && !is_standard(secret);
    if secrets.iter().any(is_broken) {
        return Err(Flaw::new("holds a secret that is cut off or mistyped behind whsec_", COPY_THE_SECRET));
    }
    if secrets.iter().any(is_standard) {
        return Ok(secrets);
    }
    Err(Flaw::new("holds no secret of Bird's third generation", COPY_THE_SECRET))
});

const COPY_THE_SECRET: &str = "Copy the secret as Bird shows it once when the webhook is made: whsec_ and base64";

/// The generations whose webhooks are taken: the third always.
#[derive(Clone, Debug, Default)]
pub struct Generations {
    /// The address to which the second generation posts, to the letter; `None` where it is not taken.
    pub second: Option<String>,
}

table! {
    /// The keys of [`Generations`].
    struct GenerationKeys {
        /// The generations whose signatures are taken on webhooks: `[3]`, or `[2, 3]`.
        accept_generations: Vec<i64> = NUMBERS.or("3"),

        /// The address of the webhook as it was typed into Bird's second generation, whose signature covers it.
        webhook_url: Option<String> = text(typed_address).optional().such_as(r#""https://bridge.example.org/webhooks/bird""#),
    }
}

/// The sender of a line: a number with its `+`, a short code of five or six digits, or a name of at most eleven letters, digits,
/// spaces, dashes and underscores, one of them a letter (`from` of a send in Bird's SDK).
pub(super) const SENDER: Shape<String> = text(|text| {
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_phone =
        text.strip_prefix('+').is_some_and(|digits| is_number(digits) && PHONE_DIGITS.contains(&digits.len()));
    let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'_');
    let is_name = text.len() <= NAME_MAX_CHARS
        && text.bytes().all(is_in_name)
        && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    if is_phone || is_name || (is_number(text) && SHORT_CODE_DIGITS.contains(&text.len())) {
        return Ok(text.to_owned());
    }
    if is_number(text) && PHONE_DIGITS.contains(&text.len()) {
        return Err(Flaw::new("is a number without its +", format!("Write it as Bird shows it: +{text}")));
    }
    let remedy = "Copy the number as Bird shows it, with its + and without gaps, not an address or a placeholder. A name has \
                  at most 11 letters, digits, spaces, dashes and underscores";
    Err(Flaw::new("is no number and no name", remedy))
});

const PHONE_DIGITS: RangeInclusive<usize> = 7..=15;
const SHORT_CODE_DIGITS: RangeInclusive<usize> = 5..=6;
const NAME_MAX_CHARS: usize = 11;

/// The slug of a WhatsApp template.
pub(super) const TEMPLATE: Shape<String> = text(|text| {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return Ok(text.to_owned());
    }
    Err(Flaw::new("is no slug", "Copy the slug of the WhatsApp template as Bird lists it, such as please_write_again"))
});

const NUMBERS: Shape<Vec<i64>> = Shape::new(
    Kind::list(Item::Integer { min: 2, max: 3 }),
    Make::Integers(|numbers| match numbers.contains(&3) {
        true => Ok(numbers.to_vec()),
        false => Err(Flaw::new("leaves out the third generation, which carries the texts", "Give [3] or [2, 3]")),
    }),
    |numbers| listed(numbers, i64::clone),
    Vec::eq,
);

/// The field that makes [`Generations`] of [`GenerationKeys`].
struct GenerationField;

impl GenerationKeys {
    fn of(generations: &Generations) -> Self {
        let accept_generations = if generations.second.is_some() { vec![2, 3] } else { vec![3] };
        Self { accept_generations, webhook_url: generations.second.clone() }
    }
}

impl Field<Generations> for GenerationField {
    fn named(self, _name: &'static str, _doc: &'static str) -> Self {
        self
    }

    fn keys(&self, above: &str, keys: &mut Vec<About>) {
        GenerationKeys::keys(above, keys);
    }

    fn read(&self, at: &At, book: &mut Book<'_>) -> Option<Generations> {
        let GenerationKeys { accept_generations, webhook_url } = GenerationKeys::read(at, book)?;
        match (accept_generations.contains(&2), webhook_url) {
            (false, None) => {
                let secrets = Bird::signing_secrets().read(at, book).unwrap_or_default();
                match secrets.iter().all(is_standard) {
                    true => Some(Generations::default()),
                    false => {
                        let problem = "holds a secret that is none of Bird's third generation, the only one accepted";
                        book.fault(at, "signing_secrets", Flaw::new(problem, COPY_THE_SECRET))
                    }
                }
            }
            (true, Some(second)) => Some(Generations { second: Some(second) }),
            (true, None) => {
                let remedy = "Set it to the address of the webhook as Bird has it";
                book.fault(
                    at,
                    "webhook_url",
                    Flaw::new("is missing: signatures of the second generation cover it", remedy),
                )
            }
            (false, Some(_)) => {
                let remedy = "Remove it, or add 2 to accept_generations";
                book.fault(at, "webhook_url", Flaw::new("is of the second generation, which is not accepted", remedy))
            }
        }
    }

    fn show(&self, value: &Generations, above: &str, shown: &mut Vec<Shown>) {
        GenerationKeys::of(value).show(above, shown);
    }

    fn reload(&self, old: &Generations, new: &Generations, above: &str, waiting: &mut Vec<String>) -> Generations {
        let kept = GenerationKeys::of(old).reload(&GenerationKeys::of(new), above, waiting);
        Generations { second: kept.webhook_url }
    }
}

#[cfg(test)]
mod tests;
