//! The parts that messages of both generations share: the person, the keyword, the text and its line.

use serde_json::{Map, Value};

use crate::domain::account::AccountId;
use crate::domain::conversation::Keyword;
use crate::domain::event::{Customer, CustomerText, TicketFields};
use crate::domain::line::{Channel, Lines};
use crate::domain::phone;
use crate::intake::Stop;
use crate::intake::fields;

/// An event that the bridge makes no use of.
pub(super) const NOT_USED: &str = "not used";

/// The words that end and resume texts from a number, each alone and in any case. Bird's own list depends on the country,
/// and it refuses texts after the others as well, which is told on the ticket then.
const KEYWORDS: [(&str, Keyword); 3] =
    [("STOP", Keyword::OptOut), ("START", Keyword::OptIn), ("UNSTOP", Keyword::OptIn)];

/// A person: a number, or an object with a number, with WhatsApp's own id of a user, or with both. `None` for a blank.
pub(super) fn person(named: Option<&Value>) -> Result<Option<Customer>, Stop> {
    let fields = match named {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(fields)) => fields.clone(),
        Some(one) => Map::from_iter([("phone_number".to_owned(), one.clone())]),
    };
    let phone = fields::id(&fields, "phone_number")?.map(|raw| phone::normalise(&raw).unwrap_or(raw));
    let known = phone.clone().or(fields::id(&fields, "bsuid")?);
    Ok(known.map(|known| Customer { carrier_id: Some(known), phone, ..Customer::default() }))
}

/// The text of a person on a line of ours.
pub(super) fn customer_text(customer: Customer, line: Option<String>, text: String, channel: Channel) -> CustomerText {
    let keyword = KEYWORDS.iter().find(|(word, _)| text.trim().eq_ignore_ascii_case(word)).map(|(_, keyword)| *keyword);
    let category = match keyword {
        Some(Keyword::OptIn) => "opt_in",
        Some(Keyword::OptOut) => "opt_out",
        Some(Keyword::Help) | None => "other",
    };
    CustomerText {
        customer,
        line,
        text,
        media: Vec::new(),
        channel: channel.word().to_owned(),
        category: category.to_owned(),
        keyword,
        ticket_id: None,
        fields: TicketFields::default(),
    }
}

/// The same text on a line of its own channel. One number may serve both channels: a text message to a number of which only
/// WhatsApp has a line takes the default line, which is one for text messages.
///
/// # Errors
/// A WhatsApp message to a number of which WhatsApp has no line. It is kept until there is one, because its answer would go
/// out as a text message.
pub(super) fn on_its_line(text: CustomerText, carrier: AccountId, lines: &Lines) -> Result<CustomerText, Stop> {
    let is_at =
        |told: &str| lines.of_carrier(carrier).filter(|line| line.is_at(told)).map(|line| line.channel).collect();
    let channels: Vec<Channel> = text.line.as_deref().map(is_at).unwrap_or_default();
    match Channel::of_word(&text.channel).unwrap_or_default() {
        channel if channels.contains(&channel) => Ok(text),
        Channel::Whatsapp => Err(Stop::Unreadable(format!(
            "a WhatsApp message came to a number of which the configuration has no line: describe one with carrier = \
             \"{carrier}\", channel = \"whatsapp\" and the number as its address"
        ))),
        Channel::Sms | Channel::Rcs => Ok(CustomerText { line: text.line.filter(|_| channels.is_empty()), ..text }),
    }
}
