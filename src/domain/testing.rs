//! A customer's text for the tests of every layer; each changes the fields that it is about.

use crate::domain::event::{Customer, CustomerText, TicketFields};

/// A text message, of a customer and a line of which nothing is known.
pub(crate) fn customer_text() -> CustomerText {
    CustomerText {
        customer: Customer::default(),
        line: None,
        text: "hello".into(),
        media: Vec::new(),
        channel: "sms".into(),
        category: "other".into(),
        keyword: None,
        ticket_id: None,
        fields: TicketFields::default(),
        answers: Vec::new(),
    }
}
