//! The keys of a Zendesk account: `[zendesk]` is the account of that name.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::domain::user_match::UserMatch;
use crate::keys::book::{At, Book};
use crate::keys::fault::Flaw;
use crate::keys::key::{About, Field, Shape, Shown};
use crate::keys::kind::{Item, Kind};
use crate::keys::shapes::{
    SECRET, SIGNATURE_TOLERANCE, TEXT, Word, account_address, safe_address, secrets, text, words,
};
use crate::keys::table::{Table, table};
use crate::vendors::zendesk::client::Auth;

/// The secret with which Zendesk signs the test of a webhook that does not exist yet. It is published, so a bridge that
/// accepts it accepts every sender (<https://developer.zendesk.com/documentation/webhooks/verifying/>).
const PUBLIC_TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

table! {
    /// Zendesk's side of the configuration.
    pub struct Zendesk {
        /// Address of the Zendesk account, such as `https://acme.zendesk.com`.
        url: Url = text(address)
            .needed("Set it to the address of the account, such as https://…")
            .set_to(r#""https://acme.zendesk.com""#),

        /// The proof of our identity.
        credentials: Credentials = OneOfTwo,

        /// Signing secrets of the Zendesk webhooks; several while one is being rotated.
        webhook_secrets: Vec<SecretString> = SIGNING_SECRETS
            .needed("Set it to the signing secret that Zendesk shows for the webhook")
            .reloads(),

        /// How far a signature's timestamp may be from our clock, either way.
        signature_tolerance_seconds: Duration = SIGNATURE_TOLERANCE.or("600").reloads(),

        /// The attributes by which a customer is looked for among Zendesk's users, in this order; by phone only when exactly
        /// one end user has the number.
        requester_match: Vec<UserMatch> = MATCHES.or("external_id, user_field, email, phone"),

        /// Key of the custom user field that holds the Braze external id: searched, and filled on the requester.
        user_field: String = FIELD_KEY.or("braze_external_id"),
    }
}

const SIGNING_SECRETS: Shape<Vec<SecretString>> = secrets(|secrets| {
    if secrets.iter().any(|secret| secret == PUBLIC_TEST_SECRET) {
        let problem = "holds the secret that Zendesk publishes for tests, with which anybody can sign";
        return Err(Flaw::new(problem, "Use the signing secret of the webhook itself"));
    }
    Ok(secrets.iter().map(|secret| secret.as_str().into()).collect())
});

impl Word for UserMatch {
    const ALL: &'static [Self] = &[Self::ExternalId, Self::UserField, Self::Email, Self::Phone];
    const WORDS: &'static [&'static str] = &["external_id", "user_field", "email", "phone"];
}

const MATCHES: Shape<Vec<UserMatch>> = words(Kind::list(Item::Word(UserMatch::WORDS)), |words| {
    let mut matches = Vec::new();
    for word in words {
        let by = UserMatch::of_word(word)?;
        if matches.contains(&by) {
            return Err(Flaw::new(format!("names {word} twice"), "Remove one of the two"));
        }
        matches.push(by);
    }
    Ok(matches)
});

/// The address of the account, and not of a page that agents and administrators work on.
fn address(text: &str) -> Result<Url, Flaw> {
    let url = safe_address(text)?;
    let page = url.path_segments().and_then(|mut segments| segments.next());
    if !matches!(page, Some("agent" | "admin")) {
        return account_address(text);
    }
    let remedy = format!("Set it to {}, the address without the page", url.origin().ascii_serialization());
    Err(Flaw::new("is the address of a page in Zendesk", remedy))
}

/// The key goes into Zendesk's search language, where a space or a quotation mark would change the question.
const FIELD_KEY: Shape<String> = text(|key| match key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
    true => Ok(key.to_owned()),
    false => Err(Flaw::new("is not a field key", "Use the key of the user field: letters, digits and underscores")),
});

/// The proof of our identity to Zendesk.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// OAuth client credentials.
    OAuth {
        /// The client's identifier.
        client_id: String,
        /// The client's secret.
        client_secret: SecretString,
    },
    /// E-mail address and API token; Zendesk ends these on 2027-04-30.
    ApiToken {
        /// The agent.
        email: String,
        /// The token.
        api_token: SecretString,
    },
}

impl From<&Credentials> for Auth {
    fn from(credentials: &Credentials) -> Self {
        match credentials {
            Credentials::OAuth { client_id, client_secret } => {
                Self::OAuth { client_id: client_id.clone(), client_secret: client_secret.clone() }
            }
            Credentials::ApiToken { email, api_token } => {
                Self::ApiToken { email: email.clone(), token: api_token.clone() }
            }
        }
    }
}

table! {
    /// The keys of [`Credentials`], two of which are given.
    struct CredentialKeys {
        /// Identifier of the OAuth client (client credentials).
        client_id: Option<String> = TEXT.optional().set_to(r#""tandem""#).reloads(),

        /// Secret of the OAuth client.
        client_secret: Option<SecretString> = SECRET.optional().reloads(),

        /// The agent of `api_token`: the legacy way, instead of an OAuth client.
        email: Option<String> = TEXT.optional().such_as(r#""agent@acme.example""#).reloads(),

        /// A Zendesk API token; Zendesk ends these on 2027-04-30.
        api_token: Option<SecretString> = SECRET.optional().reloads(),
    }
}

impl From<&Credentials> for CredentialKeys {
    fn from(credentials: &Credentials) -> Self {
        let none = Self { client_id: None, client_secret: None, email: None, api_token: None };
        match credentials.clone() {
            Credentials::OAuth { client_id, client_secret } => {
                Self { client_id: Some(client_id), client_secret: Some(client_secret), ..none }
            }
            Credentials::ApiToken { email, api_token } => {
                Self { email: Some(email), api_token: Some(api_token), ..none }
            }
        }
    }
}

/// The keys of the lasting way and of the legacy one, each with the remedy when it alone is missing.
const OAUTH: [(&str, &str); 2] = [
    ("client_id", "Set it to the identifier of the OAuth client"),
    ("client_secret", "Set it to the secret of the OAuth client"),
];
const LEGACY: [(&str, &str); 2] = [
    ("email", "Set it to the e-mail address of the agent whom the token acts for"),
    ("api_token", "Set it, or better: use client_id and client_secret"),
];

/// The field that makes [`Credentials`] of [`CredentialKeys`].
pub(crate) struct OneOfTwo;

impl Field<Credentials> for OneOfTwo {
    fn named(self, _name: &'static str, _doc: &'static str) -> Self {
        self
    }

    fn keys(&self, above: &str, keys: &mut Vec<About>) {
        CredentialKeys::keys(above, keys);
    }

    fn read(&self, at: &At, book: &mut Book<'_>) -> Option<Credentials> {
        let keys = CredentialKeys::read(at, book);
        let any = |pair: [(&str, &str); 2]| pair.iter().any(|(name, _)| book.is_given(at, name));
        let pair = match (any(OAUTH), any(LEGACY)) {
            (true, false) => OAUTH,
            (false, true) => LEGACY,
            (true, true) => {
                let remedy = "Choose one pair and remove the other: client_id and client_secret is the one that lasts";
                let problem = "and client_secret stand beside email and api_token";
                return book.fault(at, "client_id", Flaw::new(problem, remedy));
            }
            (false, false) => {
                let remedy = "Create an OAuth client in Zendesk and set both";
                return book.fault(at, "client_id", Flaw::new("and client_secret are missing", remedy));
            }
        };
        for (name, remedy) in pair {
            if !book.is_given(at, name) {
                book.fault::<()>(at, name, Flaw::new("is missing", remedy));
            }
        }
        if pair == LEGACY {
            let problem = "is in use: Zendesk ends API tokens on 2027-04-30, and nothing will go to Zendesk from \
                           then on; change to client_id and client_secret before that day";
            book.warn(at, "api_token", problem);
        }
        match keys? {
            CredentialKeys { client_id: Some(client_id), client_secret: Some(client_secret), .. } => {
                Some(Credentials::OAuth { client_id, client_secret })
            }
            CredentialKeys { email: Some(email), api_token: Some(api_token), .. } => {
                Some(Credentials::ApiToken { email, api_token })
            }
            CredentialKeys { .. } => None,
        }
    }

    fn show(&self, value: &Credentials, above: &str, shown: &mut Vec<Shown>) {
        CredentialKeys::from(value).show(above, shown);
    }

    fn reload(&self, _old: &Credentials, new: &Credentials, _above: &str, _waiting: &mut Vec<String>) -> Credentials {
        new.clone()
    }
}
