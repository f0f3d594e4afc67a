//! The parts that messages of both generations share: the person, the keyword, the text and its line.

use serde_json::{Map, Value};

use crate::domain::account::AccountId;
use crate::domain::conversation::Keyword;
use crate::domain::event::{Customer, CustomerText, TicketFields};
use crate::domain::line::{Channel, Lines, is_one_line};
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
        answers: Vec::new(),
    }
}

/// The numbers of a workspace, as the configuration has them.
#[derive(Clone)]
pub struct Numbers {
    /// The account.
    pub carrier: AccountId,
    /// The sender of the line without an address, which takes the text messages to this number.
    pub sender: String,
    /// The lines.
    pub lines: Lines,
}

impl Numbers {
    /// The same text on the line of its number and channel. A text of the second generation names no number.
    ///
    /// # Errors
    /// A message to a number of which its channel has no line, because its answer would leave from another number, or by
    /// another channel. It is kept until there is a line.
    pub(super) fn on_its_line(&self, text: CustomerText) -> Result<CustomerText, Stop> {
        let channel = Channel::of_word(&text.channel).unwrap_or_default();
        let mut of_channel = self.lines.of_carrier(self.carrier).filter(|line| line.channel == channel);
        match (text.line.as_deref(), channel) {
            (Some(told), _) if of_channel.any(|line| line.is_at(told)) => Ok(text),
            (Some(told), Channel::Sms | Channel::Rcs) if is_one_line(told, &self.sender) => {
                Ok(CustomerText { line: None, ..text })
            }
            (None, Channel::Sms | Channel::Rcs) => Ok(text),
            (None, Channel::Whatsapp) => match (of_channel.next(), of_channel.next()) {
                (Some(only), None) => Ok(CustomerText { line: only.address.clone(), ..text }),
                (_, _) => {
                    let cause = "a WhatsApp message of the second generation names no number, and the configuration has not \
                                 one WhatsApp line: have Bird post whatsapp.received of the third generation";
                    Err(Stop::Unreadable(cause.to_owned()))
                }
            },
            (Some(_), _) => Err(Stop::Unreadable(format!(
                "a message came by {channel} to a number of which the configuration has no such line: describe one with \
                 carrier = \"{}\", channel = \"{channel}\" and the number as its address",
                self.carrier
            ))),
        }
    }
}
