//! The keys of a Braze account: `[braze]` is the account of that name.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::domain::retry::OnUnconfirmed;
use crate::domain::text::RecipeMessage;
use crate::keys::fault::Flaw;
use crate::keys::key::{Make, Shape};
use crate::keys::kind::{Item, Kind};
use crate::keys::shapes::{FLAG, SECRET, SIGNATURE_TOLERANCE, TOKENS, Word, account_address, listed, text, word};
use crate::keys::table::{below, table};

/// The fewest characters of a campaign's id. Braze calls it a random key and promises no form
/// (<https://www.braze.com/docs/api/identifier_types/>); its shortest ids have 24, so a shorter one is no id.
const CAMPAIGN_ID_MIN_CHARS: usize = 16;

/// More looks for one receipt than this would only keep later replies of the conversation waiting.
const CONFIRM_LOOKS_MAX: usize = 5;

table! {
    /// Braze's side of the configuration.
    pub struct Braze {
        /// The REST endpoint of the Braze workspace, as Braze shows it under "APIs and Identifiers".
        url: Url = text(address)
            .needed("Set it to the address of the account, such as https://…")
            .set_to(r#""https://rest.iad-01.braze.com""#),

        /// A Braze REST API key.
        api_key: SecretString = SECRET.needed("Set it to a REST API key of the Braze workspace").reloads(),

        /// Tokens of the Braze webhook campaigns: each presents one of these.
        webhook_tokens: Vec<SecretString> =
            TOKENS.needed("Set it to a long random token, and give Braze the same").reloads(),

        /// How far a signature's timestamp may be from our clock, either way. Braze proves itself by a token and not by a
        /// signature, so only `tandem check --live` goes by it, when it compares the clocks.
        signature_tolerance_seconds: Duration = SIGNATURE_TOLERANCE.or("600").reloads(),

        /// Tokens of Braze Currents at /webhooks/braze/currents: its connector presents one of these. Without one no
        /// delivery receipts are taken in.
        currents_tokens: Vec<SecretString> = TOKENS.or_empty().reloads(),

        /// Whether a customer's text is taken in that Currents reports and of which no webhook came; otherwise only the
        /// operator is told.
        currents_backfill: bool = FLAG.or("false"),

        /// For a text whose answer was lost and whose receipt is not found: `resend` it, or `hold` it for the operator.
        on_unconfirmed: OnUnconfirmed = word().or("resend"),

        /// When to look for the receipt of a text whose answer was lost: 1 to 5 waits in seconds,
        /// ascending.
        confirm_after_seconds: Vec<Duration> = ASCENDING_WAITS.or("5, 15"),

        /// The msg_body of drop-in campaigns: the text on the `third_line`, or the `whole` text as it is.
        recipe_message: RecipeMessage = word().or("third_line"),

        /// Whether typographic quotation marks and dashes become plain ones, so that texts need fewer segments.
        gsm7: bool = FLAG.or("false"),

        /// When set, Braze is asked for the customer's state in this subscription group once before each reply and each
        /// closing text. Its answer counts over the last STOP or START.
        subscription_group: Option<String> = IDENTIFIER.optional().such_as(r#""…""#),

        /// The campaigns.
        campaigns: Campaigns = below(),
    }
}

table! {
    /// Ids of API-triggered campaigns.
    pub struct Campaigns {
        /// Id of the API-triggered campaign that texts an agent's reply.
        agent_reply: String = CAMPAIGN
            .needed("Set it to the id of the campaign that texts replies")
            .set_to(r#""00000000-0000-4000-8000-000000000001""#),

        /// Id of the API-triggered campaign for the closing text; without it none is sent.
        ticket_solved: Option<String> =
            CAMPAIGN.optional().such_as(r#""00000000-0000-4000-8000-000000000002""#),
    }
}

impl Word for OnUnconfirmed {
    const ALL: &'static [Self] = &[Self::Resend, Self::Hold];
    const WORDS: &'static [&'static str] = &["resend", "hold"];
}

impl Word for RecipeMessage {
    const ALL: &'static [Self] = &[Self::ThirdLine, Self::Whole];
    const WORDS: &'static [&'static str] = &["third_line", "whole"];
}

const ASCENDING_WAITS: Shape<Vec<Duration>> = Shape::new(
    Kind::list(Item::Integer { min: 1, max: 300 }),
    Make::Integers(|seconds| {
        if seconds.len() > CONFIRM_LOOKS_MAX {
            let problem = format!("has {} entries, but at most {CONFIRM_LOOKS_MAX} looks are made", seconds.len());
            return Err(Flaw::new(problem, "Remove some"));
        }
        if !seconds.is_sorted_by(|earlier, later| earlier < later) {
            let remedy = "Order it from the first look to the last, as in [5, 15]";
            return Err(Flaw::new("does not ascend", remedy));
        }
        Ok(seconds.iter().map(|second| Duration::from_secs(second.unsigned_abs())).collect())
    }),
    |waits| listed(waits, Duration::as_secs),
    Vec::eq,
);

/// The address of the REST endpoint, and not of the dashboard or the SDKs, which have hosts of their own.
fn address(text: &str) -> Result<Url, Flaw> {
    let url = account_address(text)?;
    let host = url.host_str().unwrap_or_default();
    let (whose, rest) = match host.strip_prefix("sdk.") {
        Some(instance) if instance.contains(".braze.") => ("SDKs", Some(format!("rest.{instance}"))),
        Some(_) | None if host.starts_with("dashboard") => ("dashboard", rest_host(host)),
        Some(_) | None => return Ok(url),
    };
    let likely = rest.map(|host| format!(", most likely https://{host}")).unwrap_or_default();
    let remedy = format!("Set it to the REST endpoint that Braze shows under APIs and Identifiers{likely}");
    Err(Flaw::new(format!("is the address of Braze's {whose}, whose API has another"), remedy))
}

/// The REST host of the instance that has this dashboard (<https://www.braze.com/docs/api/basics/#endpoints>).
fn rest_host(dashboard: &str) -> Option<String> {
    let (instance, end) = dashboard.strip_prefix("dashboard")?.split_once(".braze.")?;
    let instance = match instance.strip_prefix('-') {
        Some(number) if end == "eu" => format!("fra-{number}"),
        Some(number) => format!("iad-{number}"),
        None => instance.strip_prefix('.')?.to_owned(),
    };
    Some(format!("rest.{instance}.braze.{end}"))
}

/// An identifier of Braze's: one word of letters, digits, hyphens and underscores.
pub(super) const IDENTIFIER: Shape<String> = text(identifier);

fn identifier(text: &str) -> Result<String, Flaw> {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Ok(text.to_owned());
    }
    let remedy =
        "Copy the API identifier as Braze shows it: letters, digits and hyphens, not an address or a placeholder";
    Err(Flaw::new("is not an identifier", remedy))
}

/// The identifier of a campaign. Braze shows five groups of hexadecimal digits, but promises no form: a word that is too
/// short for a random key is a fault, and any other that does not look like one is warned about and taken.
pub(super) const CAMPAIGN: Shape<String> = text(|text| {
    let id = identifier(text)?;
    if id.chars().count() < CAMPAIGN_ID_MIN_CHARS {
        let remedy = "Copy the API identifier that Braze shows at the campaign's step Schedule Delivery: five groups of \
                      hexadecimal digits, such as 6c1d8a4e-0000-4000-8000-000000000001";
        return Err(Flaw::new("is too short to be the API identifier of a campaign", remedy));
    }
    Ok(id)
})
.noting(|id| {
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    let is_hex = id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    let looks_right = is_hex && groups == [8, 4, 4, 4, 12];
    let problem = "does not look like the API identifier of a campaign (five groups of hexadecimal digits, at the \
                   campaign's step Schedule Delivery)";
    (!looks_right).then(|| problem.to_owned())
});
