//! Collects the personal data of a claim, which no cause may hold: the customer's ids and names, and all written
//! text. Pure.

use crate::domain::event::{Customer, EventKind};
use crate::domain::note::Says;
use crate::store::Claim;
use crate::vendors::http::Personal;

/// The claim's personal data.
pub(super) fn of(claim: &Claim) -> Personal {
    let mut personal = Personal::default();
    personal.add(&claim.key.0);
    if let Some(conversation) = &claim.conversation {
        add_customer(&mut personal, &conversation.customer);
    }
    claim.work.iter().for_each(|work| add_event(&mut personal, &work.event.kind));
    personal
}

fn add_customer(personal: &mut Personal, customer: &Customer) {
    let Customer { external_id, carrier_id, thread, phone, email, first_name, last_name, display_name } = customer;
    let values = [external_id, carrier_id, thread, phone, email, first_name, last_name, display_name];
    values.into_iter().flatten().for_each(|value| personal.add(value));
}

fn add_event(personal: &mut Personal, event: &EventKind) {
    let mut add = |values: &[&Option<String>]| values.iter().copied().flatten().for_each(|value| personal.add(value));
    match event {
        EventKind::CustomerText(text) => {
            add(&[&text.line, &text.fields.subject]);
            personal.add(&text.text);
            text.media.iter().for_each(|link| personal.add(link));
            add_customer(personal, &text.customer);
        }
        EventKind::PhoneText(text) => {
            add(&[&text.external_user_id, &text.agent_name]);
            personal.add(&text.text);
            for attachment in &text.attachments {
                personal.add(&attachment.file_name);
                personal.add(&attachment.url);
            }
            if let Some(recipe) = &text.recipe {
                recipe.attributes.values().for_each(|value| personal.add_json(value));
            }
        }
        EventKind::Template(template) => add(&[&template.external_user_id]),
        EventKind::AgentReply(reply) => add(&[&reply.external_user_id]),
        EventKind::TicketSolved(change) | EventKind::TicketReopened(change) => add(&[&change.external_user_id]),
        EventKind::Note(note) => match &note.says {
            Says::Words { text } => personal.add(text),
            Says::Coded(saying) => {
                let fields = saying.fields();
                fields.file.iter().chain(&fields.word).for_each(|text| personal.add(text));
            }
        },
        // It is never delivered.
        EventKind::Unreadable(_) => {}
    }
}
