//! The data that mappings render: makes a [`Context`] from a claim. Pure.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::domain::address::LONG;
use crate::domain::conversation::{ECHO_LIFE, TicketStatus, fingerprint};
use crate::domain::event::{Customer, CustomerText, Event, EventId, EventKind, TicketId, UserId};
use crate::domain::note::{Note, Says};
use crate::domain::outgoing::Outgoing;
use crate::domain::text;
use crate::mapping::context::{
    CampaignPart, Context, CustomerPart, EventPart, MessagePart, NotePart, RecipientPart, RequesterPart, TicketPart,
};
use crate::policy::outbound::Sending;
use crate::ports::RECEIPT;
use crate::ports::desk::{UserValues, UserView};
use crate::store::Claim;

use crate::worker::steps::inbound::completion::Completion;
use crate::worker::steps::lookup::users::user_external_id;

/// The words and files of one comment on the ticket: one text, or several with their times.
#[derive(Debug)]
pub(super) struct CommentText {
    /// The words as a human reads them, links to media included. An echo of the comment would say the same.
    pub(super) plain: String,
    /// Links to media.
    pub(super) media: Vec<String>,
    /// Tokens of media that was copied to the desk.
    pub(super) uploads: Vec<String>,
    /// Whether copying was tried.
    pub(super) uploaded: bool,
    /// Whether an earlier attempt has copied some of the media.
    pub(super) is_reused: bool,
    /// Whether a picture is lost: its kept copy cannot be read, and its link is dead.
    pub(super) lacks_picture: bool,
    oldest: Timestamp,
}

impl CommentText {
    /// The comment that these texts make. A single text stands as it came; of merged texts each stands behind its
    /// time.
    pub(super) fn of(events: &[&Event]) -> Self {
        let merged = events.len() > 1;
        let mut written = Self {
            plain: String::new(),
            media: Vec::new(),
            uploads: Vec::new(),
            uploaded: false,
            is_reused: false,
            lacks_picture: false,
            oldest: Timestamp::MAX,
        };
        for event in events {
            let EventKind::CustomerText(text) = &event.kind else { continue };
            written.oldest = written.oldest.min(event.received_at);
            let time = merged.then(|| event.received_at.strftime("[%H:%M:%S UTC]").to_string());
            let media = text.media.iter().map(String::as_str);
            let body = Some(text.text.as_str()).filter(|body| !body.is_empty());
            for line in time.as_deref().into_iter().chain(body).chain(media) {
                if !written.plain.is_empty() {
                    written.plain.push('\n');
                }
                written.plain.push_str(line);
            }
            written.media.extend(text.media.iter().cloned());
        }
        written
    }

    /// Whether the echo that acceptance noted holds long enough: for half of its life, because the other half is
    /// longer than an attempt may take.
    pub(super) fn is_recent(&self, now: Timestamp) -> bool {
        let half = SignedDuration::try_from(ECHO_LIFE / 2).unwrap_or(SignedDuration::ZERO);
        now.duration_since(self.oldest) <= half
    }
}

/// A text on its way from the phone to the ticket.
pub(super) struct Inbound<'a> {
    pub(super) claim: &'a Claim,
    pub(super) customer: &'a Customer,
    /// The customer as the desk knows them.
    pub(super) user: &'a Customer,
    pub(super) first: &'a CustomerText,
    pub(super) written: &'a CommentText,
}

impl Inbound<'_> {
    /// Whether the conversation remembers this user as its requester.
    pub(super) fn remembers(&self, requester: UserId) -> bool {
        self.claim.conversation.as_ref().is_some_and(|conversation| conversation.requester_id == Some(requester))
    }

    /// The conversation's ticket at the time of the claim.
    pub(super) fn current_ticket(&self) -> Option<TicketId> {
        self.claim.conversation.as_ref()?.ticket.as_ref().map(|ticket| ticket.id)
    }

    /// The context of a mapping that opens a ticket.
    pub(super) fn opening(&self, requester: UserId, previous: Option<TicketId>) -> Context {
        let mut context = self.writing(requester);
        context.ticket.previous_id = previous;
        context.ticket.subject.clone_from(&self.first.fields.subject);
        context.ticket.priority.clone_from(&self.first.fields.priority);
        context.ticket.kind.clone_from(&self.first.fields.kind);
        context
    }

    /// The context of a mapping that adds a comment.
    pub(super) fn appending(&self, requester: UserId, ticket: TicketId) -> Context {
        let mut context = self.writing(requester);
        context.ticket.id = Some(ticket);
        context
    }

    fn writing(&self, requester: UserId) -> Context {
        let mut context = base(self.claim, self.customer);
        context.event.channel = Some(self.first.channel.clone());
        context.event.category = Some(self.first.category.clone());
        context.requester.id = Some(requester);
        context.message.text.clone_from(&self.written.plain);
        context.message.msg_body.clone_from(&self.written.plain);
        context.message.html = text::html_from_plain(&self.written.plain);
        context.message.media.clone_from(&self.written.media);
        context.message.uploads.clone_from(&self.written.uploads);
        context
    }
}

/// The context of a mapping that writes an internal comment on a ticket. `words` are the words of these notes, and
/// `ids` the deliveries that the comment is for; none stands for all of the claim's.
pub(super) fn internal(claim: &Claim, ticket: TicketId, notes: &[&Note], words: &str, ids: &[EventId]) -> Context {
    let mut context = base(claim, &customer(claim));
    if !ids.is_empty() {
        context.event.ids = ids.to_vec();
    }
    context.ticket.id = Some(ticket);
    words.clone_into(&mut context.note.text);
    context.note.html = text::html_from_plain(words);
    if let Some(Says::Coded(first)) = notes.first().map(|note| &note.says) {
        context.note.code = Some(first.code().to_owned());
        context.note.fields = first.fields();
    }
    for note in notes {
        let Says::Coded(saying) = &note.says else { continue };
        let code = saying.code().to_owned();
        if !context.note.codes.contains(&code) {
            context.note.codes.push(code);
        }
    }
    context
}

/// The context of the mapping that notes a keyword. `status` is the ticket's new status, where it changes.
pub(super) fn keyword_note(claim: &Claim, note: &Note, words: &str, status: Option<TicketStatus>) -> Context {
    let mut context = internal(claim, note.ticket_id, &[note], words, &[]);
    context.note.status = status.map(|status| status.name().to_owned());
    context
}

/// The context of a mapping that sends a part of a message. `msg_body` are its words in the form of the campaign.
pub(super) fn outbound(claim: &Claim, message: &Outgoing<'_>, sending: &Sending, msg_body: String) -> Context {
    let Sending { to, form, words, part } = sending;
    let mut context = base(claim, &customer(claim));
    context.ticket.id = message.ticket;
    context.recipient = RecipientPart::of(to);
    context.message.text.clone_from(words);
    context.message.html = text::html_from_plain(words);
    context.message.msg_body = msg_body;
    context.message.part = part.number;
    context.message.parts = part.of;
    context.campaign.id = Some(form.clone());
    context.receipt = part.receipt();
    if let Some(text) = message.text() {
        context.message.agent_name.clone_from(&text.agent_name);
        context.message.media = text.attachments.iter().map(|attachment| attachment.url.clone()).collect();
        context.attributes = text.recipe.as_ref().map(|recipe| recipe.attributes.clone()).unwrap_or_default();
    }
    context.attributes.insert(receipt_attribute(claim), Value::from(part.receipt()));
    context
}

/// The digits of a line's digest in the name of its receipts.
const LINE_DIGITS: usize = 8;

/// The profile attribute that holds the receipts of this conversation. A customer's conversations on several lines share
/// one profile, so each has an attribute of its own: the next text on one line would hide the receipt of another.
pub(super) fn receipt_attribute(claim: &Claim) -> String {
    let key = claim.key.0.as_str();
    let line = claim.conversation.as_ref().and_then(|known| known.line.as_deref()).unwrap_or_default();
    // The blank line is a default line whose customer wrote on another one first; a long key is the digest of a line, or of none.
    let is_further = key.strip_suffix(line).is_some_and(|before| before.ends_with('@')) || key.ends_with('@');
    if !is_further && !key.starts_with(LONG) {
        return RECEIPT.to_owned();
    }
    let digest: String = fingerprint(if is_further { line } else { key }).chars().take(LINE_DIGITS).collect();
    format!("{RECEIPT}_{digest}")
}

/// A new user for the customer under this external id, which makes saving it twice harmless. It has no e-mail address,
/// because a desk would take an existing user of that address for it.
pub(super) fn new_user(customer: &Customer, id: Option<String>) -> UserValues {
    // A desk wants E.164; a number in any other form stays at the carrier.
    let phone = addressable(customer.phone.as_ref()).filter(|phone| phone.starts_with('+'));
    UserValues { phone, ..bare_user(customer, id) }
}

/// The same user with only those values that a desk cannot refuse.
pub(super) fn bare_user(customer: &Customer, id: Option<String>) -> UserValues {
    let known_as = customer.external_id.clone().or_else(|| user_external_id(customer));
    let nameless = || known_as.as_deref().map_or_else(|| "Customer".to_owned(), |id| format!("Customer {id}"));
    let name = customer.name().or_else(|| customer.phone.clone()).or_else(|| customer.email.clone());
    UserValues {
        external_id: id,
        name: Some(text::inert(&name.unwrap_or_else(nameless))),
        customer_id: customer.external_id.clone(),
        ..UserValues::default()
    }
}

/// The blanks of a user that the customer's profile fills.
pub(super) fn completion(user: &UserView, customer: &Customer) -> Completion {
    // A user without an external id was recognised by a number alone.
    let email = addressable(customer.email.as_ref()).filter(|_| user.email.is_none() && user.external_id.is_some());
    Completion { user: user.id, values: blanks(user, customer), email }
}

/// The blank values; `None` when none is blank, or when the user cannot be addressed.
fn blanks(user: &UserView, customer: &Customer) -> Option<UserValues> {
    let blanks = UserValues {
        phone: addressable(customer.phone.as_ref()).filter(|_| user.phone.is_none()),
        customer_id: customer.external_id.clone().filter(|_| user.customer_id.is_none()),
        ..UserValues::default()
    };
    match (&user.external_id, &user.email) {
        (Some(id), _) => {
            (blanks != UserValues::default()).then(|| UserValues { external_id: Some(id.clone()), ..blanks })
        }
        (None, Some(email)) => {
            let blanks = UserValues { external_id: user_external_id(customer), ..blanks };
            (blanks != UserValues::default()).then(|| UserValues { email: Some(email.clone()), ..blanks })
        }
        (None, None) => None,
    }
}

/// The value, unless a desk would expand it as a placeholder. Such an address or number stays at the carrier, because no
/// space may be put into it.
fn addressable(value: Option<&String>) -> Option<String> {
    value.filter(|value| text::is_inert(value)).cloned()
}

fn customer(claim: &Claim) -> Customer {
    claim.conversation.as_ref().map(|conversation| conversation.customer.clone()).unwrap_or_default()
}

/// The part of a context that every mapping shares, with explicit blanks for the rest.
fn base(claim: &Claim, customer: &Customer) -> Context {
    let key = &claim.key;
    let head = claim.work.first();
    let ids: Vec<EventId> = claim.work.iter().map(|work| work.delivery.id).collect();
    let id = ids.first().copied().unwrap_or(EventId { epoch: 0, sequence: 0, sub: 0 });
    let ticket = claim.conversation.as_ref().and_then(|conversation| conversation.ticket.as_ref());
    let line = claim.conversation.as_ref().and_then(|conversation| conversation.line.clone());
    Context {
        event: EventPart {
            id,
            ids,
            kind: head.map(|work| work.event.kind.name().word()).unwrap_or_default().to_owned(),
            received_at: head.map_or(Timestamp::MIN, |work| work.event.received_at),
            channel: None,
            category: None,
        },
        customer: CustomerPart::of(key.0.clone(), customer, line),
        recipient: RecipientPart::default(),
        ticket: TicketPart {
            id: None,
            previous_id: None,
            external_id: key.0.clone(),
            subject: None,
            priority: None,
            kind: None,
            status: ticket.map(|ticket| ticket.status.name().to_owned()),
        },
        requester: RequesterPart { id: None },
        message: MessagePart {
            text: String::new(),
            html: String::new(),
            msg_body: String::new(),
            part: 1,
            parts: 1,
            agent_name: None,
            media: Vec::new(),
            uploads: Vec::new(),
        },
        note: NotePart::default(),
        campaign: CampaignPart { id: None },
        attributes: Map::new(),
        receipt: id.to_string(),
    }
}
