//! The keys of a pack's account: `[accounts.NAME]` with `vendor = "pack"`. The pack says which of them the vendor needs, and its
//! words for them.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::plan::Plan;
use super::shelf::load;
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::{About, Field, Make, Shape, Shown};
use crate::keys::kind::{Item, Kind};
use crate::keys::shapes::{FLAG, SECRET, SECRETS, SIGNATURE_TOLERANCE, TEXT, account_address, text, typed_address};
use crate::keys::table::{Table, table};

table! {
    /// An account of a carrier pack.
    pub struct Pack {
        /// The pack and the credential for its calls.
        access: AccessKeys = AccessField,

        /// The address of the API, where it is not that of the pack.
        url: Option<Url> = text(account_address).optional().such_as(r#""https://api.example.com""#),

        /// Secrets of the vendor's webhooks: it signs with one of these, or presents one.
        signing_secrets: Vec<SecretString> =
            SECRETS.needed("Set it to the secret by which the vendor signs its webhooks; docs/packs.md tells which").reloads(),

        /// How far a signature's timestamp may be from our clock, either way, where the vendor's signatures have one.
        signature_tolerance_seconds: Duration = SIGNATURE_TOLERANCE.or("300").reloads(),

        /// The number that texts go out from on a line without an address, and whose texts that line takes.
        sender: String = NUMBER.needed("Set it to the account's number for texts, with its +").set_to(r#""+15550100100""#),

        /// Whether typographic quotation marks and dashes become plain ones, so that texts need fewer segments.
        gsm7: bool = FLAG.or("false"),
    }
}

table! {
    /// The pack of an account, and the credential for its calls.
    pub struct AccessKeys {
        /// The name of a shipped pack, or the path of a pack's file, relative to the configuration.
        pack: Arc<Plan> = PACK.needed("Set it to a shipped pack, such as twilio, or to the path of a file").set_to(r#""twilio""#),

        /// The vendor's name for the account, where its calls name it.
        account_id: Option<String> = TEXT.optional(),

        /// The name of the key of which `secret` is the secret, where it is not that of the account.
        key_id: Option<String> = TEXT.optional(),

        /// The secret of the calls: a token, a password or an API key, as the pack says.
        secret: Option<SecretString> = SECRET.optional().reloads(),

        /// The address of the webhook as the vendor has it, where its signature covers it or calls name it.
        webhook_url: Option<String> =
            text(typed_address).optional().such_as(r#""https://bridge.example.org/webhooks/twilio""#),
    }
}

/// The pack of a name or a file.
const PACK: Shape<Arc<Plan>> =
    Shape::new(Kind::One(Item::Text), Make::Located(load), |plan| plan.to_string(), |old, new| old == new).noting(
        |plan| {
            let warning = "names a pack without samples beside it, so that nothing proves it before the first text";
            (!plan.has_samples).then(|| warning.to_owned())
        },
    );

/// The number or the name of a line.
pub(super) const NUMBER: Shape<String> = text(|text| {
    let is_digits = text.len() > 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    match is_digits {
        true => Err(Flaw::new("is a number without its +", format!("Write it with its country code: +{text}"))),
        false => Ok(text.to_owned()),
    }
});

/// The field that asks for the keys that the pack needs.
struct AccessField;

impl Field<AccessKeys> for AccessField {
    fn named(self, _name: &'static str, _doc: &'static str) -> Self {
        self
    }

    fn keys(&self, above: &str, keys: &mut Vec<About>) {
        AccessKeys::keys(above, keys);
    }

    fn read(&self, at: &At, book: &mut Book<'_>) -> Option<AccessKeys> {
        let keys = AccessKeys::read(at, book)?;
        let words = &keys.pack.file.account;
        let missing = [
            ("account_id", &words.account_id, keys.account_id.is_none()),
            ("key_id", &words.key_id, keys.key_id.is_none()),
            ("secret", &words.secret, keys.secret.is_none()),
            ("webhook_url", &words.webhook_url, keys.webhook_url.is_none()),
        ];
        let mut is_whole = true;
        for (name, words, _) in missing.iter().filter(|(_, words, is_missing)| words.is_some() && *is_missing) {
            let remedy = format!("Set it to {}", words.as_deref().unwrap_or_default());
            book.fault::<()>(at, name, Flaw::new(format!("is missing, and {} needs it", keys.pack.title), remedy));
            is_whole = false;
        }
        is_whole.then_some(keys)
    }

    fn show(&self, value: &AccessKeys, above: &str, shown: &mut Vec<Shown>) {
        value.show(above, shown);
    }

    fn reload(&self, old: &AccessKeys, new: &AccessKeys, above: &str, waiting: &mut Vec<String>) -> AccessKeys {
        old.reload(new, above, waiting)
    }
}
