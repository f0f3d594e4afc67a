//! The keys of a Sunshine Conversations account: `[accounts.NAME]` with `vendor = "sunshine"`.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::domain::retry::OnUnconfirmed;
use crate::keys::fault::Flaw;
use crate::keys::key::Shape;
use crate::keys::shapes::{FLAG, SECRET, SIGNATURE_TOLERANCE, TOKENS, Word, extensible_address, text, whole, word};
use crate::keys::table::table;
use crate::vendors::sunshine::shorthand::{Wanted, is_name};

/// More texts a second than Zendesk lets its own senders send.
const MESSAGES_PER_SECOND_MAX: u32 = 50;

table! {
    /// Sunshine Conversations' side of the configuration.
    pub struct Sunshine {
        /// The address of the API: that of the Zendesk account with /sc behind it, or `https://api.smooch.io`.
        url: Url = text(address)
            .needed("Set it to the address of the Zendesk account with /sc behind it")
            .set_to(r#""https://acme.zendesk.com/sc""#),

        /// The app's id.
        app_id: String = text(id)
            .needed("Set it to the App ID of the Conversations API key")
            .set_to(r#""5ebee0975ac5304b664a12fa""#),

        /// The id of a key of the app.
        key_id: String = text(key_id)
            .needed("Set it to the Key ID of the Conversations API key")
            .set_to(r#""app_5ebee0975ac5304b664a12fb""#)
            .reloads(),

        /// The secret of that key.
        secret: SecretString = SECRET.needed("Set it to the secret that is shown once for the key").reloads(),

        /// Secrets of the app's webhooks: each presents one of these.
        webhook_secrets: Vec<SecretString> =
            TOKENS.needed("Set it to the secret of the custom integration's webhook").reloads(),

        /// The most texts a second. The bridge sends fewer for some time when it is told that they were too many.
        messages_per_second: u32 = whole(1, MESSAGES_PER_SECOND_MAX).or("5"),

        /// How far the two clocks may differ before `tandem check --live` tells: webhooks are not signed, and hold no time.
        signature_tolerance_seconds: Duration = SIGNATURE_TOLERANCE.or("600").reloads(),

        /// For a text whose answer was lost and which the conversation does not list: `resend` it, or `hold` it for the
        /// operator.
        on_unconfirmed: OnUnconfirmed = word().or("resend"),

        /// For a first text over SMS to a person of whom no conversation is known: `client` makes a user, a conversation and a
        /// link of their phone first, `notification` sends it to the number at once. A notification whose answer was lost is
        /// held for the operator, whatever `on_unconfirmed` says.
        first_contact: FirstContactBy = word().or("client"),

        /// Whether typographic quotation marks and dashes become plain ones, so that texts need fewer segments.
        gsm7: bool = FLAG.or("false"),
    }
}

/// The way of a first text over SMS to a person of whom no conversation is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstContactBy {
    /// Through a user, a conversation and a link to their phone, each of which can be looked for.
    Client,
    /// As a notification to their number, of which nothing can be read back.
    Notification,
}

impl Word for FirstContactBy {
    const ALL: &'static [Self] = &[Self::Client, Self::Notification];
    const WORDS: &'static [&'static str] = &["client", "notification"];
}

/// The address, which may have a path.
fn address(text: &str) -> Result<Url, Flaw> {
    let url = extensible_address(text)?;
    if url.path().trim_end_matches('/').ends_with("/v2") {
        return Err(Flaw::new("ends with the version of the API", "Leave /v2 out: the bridge adds it"));
    }
    Ok(url)
}

/// An id of Sunshine Conversations: letters, digits, dashes and underscores.
fn id(text: &str) -> Result<String, Flaw> {
    if is_id(text) {
        return Ok(text.to_owned());
    }
    Err(Flaw::new("is no id", "Copy the id as Zendesk shows it: letters, digits, - and _, without gaps"))
}

fn key_id(text: &str) -> Result<String, Flaw> {
    let text = id(text)?;
    if text.starts_with("app_") || text.starts_with("int_") {
        return Ok(text);
    }
    let remedy = "Copy the Key ID that begins with app_: the App ID and the ids of other keys do not open the API";
    Err(Flaw::new("is no id of a key", remedy))
}

pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The id of a channel's integration.
pub(super) const INTEGRATION: Shape<String> = text(|text| {
    id(text).map_err(|_| {
        let remedy =
            "Copy the id of the channel's integration from the app's list of integrations, not a number or a name";
        Flaw::new("is no id of an integration", remedy)
    })
});

/// A WhatsApp template: its name, and behind a colon its language where it has several.
pub(super) const TEMPLATE: Shape<String> = text(|text| {
    let Wanted { name, language, .. } = wanted(text);
    if is_name(&name) && language.as_deref().is_none_or(is_id) {
        return Ok(text.to_owned());
    }
    let remedy = "Copy the template's name, such as please_write_again, or please_write_again:en_US where it has several languages";
    Err(Flaw::new("is no name of a template", remedy))
});

/// The template that a line names.
pub(super) fn wanted(form: &str) -> Wanted {
    let (name, language) = form.split_once(':').map_or((form, None), |(name, language)| (name, Some(language)));
    Wanted { name: name.to_owned(), language: language.map(str::to_owned), ..Wanted::default() }
}

/// The two parts of a key as a call presents them.
pub(super) fn presented(keys: &Sunshine) -> SecretString {
    SecretString::from(format!("{}:{}", keys.key_id, keys.secret.expose_secret()))
}
