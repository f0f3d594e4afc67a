//! A customer's message: who wrote it, and on which line.

use jiff::Timestamp;

use super::parts::{OnLine, id, within};
use crate::domain::conversation::Keyword;
use crate::domain::event::{Customer, CustomerText, DedupeKey, TicketFields, TicketId};
use crate::domain::phone;
use crate::intake::Stop;
use crate::intake::fields::{self, LINE_MAX_CHARS, unreadable};
use crate::intake::json::{Json, Object};
use crate::vendors::sunshine::OWN_USERS;

/// The words that end and resume texts from a number, each alone and in any case. The channel behind the service may know
/// others, and refuses texts after them, which is told on the ticket then.
const KEYWORDS: [(&str, Keyword); 3] =
    [("STOP", Keyword::OptOut), ("START", Keyword::OptIn), ("UNSTOP", Keyword::OptIn)];

/// A customer's message.
pub(super) struct Message {
    /// The key by which it is told again.
    pub(super) key: Option<DedupeKey>,
    pub(super) text: CustomerText,
    /// When the customer sent it.
    pub(super) at: Timestamp,
}

impl Message {
    pub(super) fn new(
        key: Option<DedupeKey>,
        customer: Customer,
        line: OnLine,
        (text, media): (String, Vec<String>),
        ticket_id: Option<TicketId>,
        at: Timestamp,
    ) -> Self {
        let keyword = KEYWORDS.iter().find(|(word, _)| text.trim().eq_ignore_ascii_case(word));
        let keyword = keyword.map(|(_, keyword)| *keyword);
        let category = match keyword {
            Some(Keyword::OptIn) => "opt_in",
            Some(Keyword::OptOut) => "opt_out",
            Some(Keyword::Help) | None => "other",
        };
        let text = CustomerText {
            customer,
            line: line.integration,
            text,
            media,
            channel: line.channel.word().to_owned(),
            category: category.to_owned(),
            keyword,
            ticket_id,
            fields: TicketFields::default(),
            answers: Vec::new(),
        };
        Self { key, text, at }
    }
}

/// The key of a message, by whichever webhook or list it comes.
pub(super) fn key(id: &str) -> DedupeKey {
    DedupeKey::CarrierReport(format!("message:{id}"))
}

/// A customer of whom the talk alone is known.
pub(super) fn talk(thread: Option<String>) -> Customer {
    Customer { thread, ..Customer::default() }
}

/// The author of a message. The user is who they are; a number is that of the channel's client, and may be missing.
pub(super) fn customer(thread: &str, author: &Object<'_>, source: Option<&Object<'_>>) -> Result<Customer, Stop> {
    let user = within(author, "user");
    let carrier_id = match (author.get("userId"), user) {
        (Some(Json::Text(_)), _) => id(author, "userId")?,
        (_, Some(user)) => id(user, "id")?,
        (_, None) => return Err(unreadable("`author.userId` is blank")),
    };
    let profile = user.and_then(|user| within(user, "profile"));
    let word = |name: &str| profile.and_then(|profile| fields::line(profile, name));
    let display_name = fields::line(author, "displayName").filter(|name| phone::normalise(name).is_none());
    let external_id = user.map(|user| fields::id(user, "externalId")).transpose()?.flatten();
    Ok(Customer {
        external_id: external_id.filter(|id| !id.starts_with(OWN_USERS)),
        carrier_id: Some(carrier_id),
        thread: Some(thread.to_owned()),
        phone: source.and_then(|source| number(within(source, "client")?)),
        email: word("email").filter(|email| email.contains('@')),
        first_name: word("givenName"),
        last_name: word("surname"),
        display_name,
    })
}

/// The number of a channel's client. WhatsApp's own id of a user who hides theirs is none.
pub(in crate::vendors::sunshine) fn number(client: &Object<'_>) -> Option<String> {
    let more = client.get("additionalIdentifiers").and_then(Json::as_list).into_iter().flatten();
    let more = more.filter(|one| one.get("key").is_some_and(|key| key.is("phoneNumber")));
    let more = more.filter_map(|one| one.get("value")?.as_str());
    let info = client.get("info").and_then(|info| info.get("phoneNumber")).and_then(Json::as_str);
    let external = client.get("externalId").and_then(Json::as_str);
    // WhatsApp tells a number without its plus, or an id of its own.
    let is_number = |id: &&str| id.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit());
    let external = external.filter(is_number).map(|id| format!("+{}", id.trim_start_matches('+')));
    more.chain(info)
        .chain(external.as_deref())
        .find_map(|raw| phone::normalise(&fields::one_line(raw, LINE_MAX_CHARS)?))
}
