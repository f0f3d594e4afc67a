//! The parts that messages of both generations share: the person, the keyword and the text.

use serde_json::{Map, Value};

use crate::domain::conversation::Keyword;
use crate::domain::event::{Customer, CustomerText, TicketFields};
use crate::domain::line::Channel;
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
