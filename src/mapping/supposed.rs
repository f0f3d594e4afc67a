//! The context that the bridge would make of an event, as far as the event itself tells, for people who try a mapping
//! on the command line or in the console, which adds its own knowledge.
//!
//! The rest, which only a vendor or a running bridge knows, comes from the mapping's sample and is listed. Pure. It
//! never decides a real request.

use std::fmt;

use super::context::{Context, CustomerPart, NotePart, RecipientPart};
use super::name::Name;
use crate::domain::account::Ends;
use crate::domain::address::identities_of;
use crate::domain::conversation::Keyword;
use crate::domain::event::{CustomerText, Event, EventKind, PhoneText};
use crate::domain::note::{Note, Saying, Says};
use crate::domain::outgoing::Recipient;
use crate::domain::text;

/// A context with parts from the sample.
pub struct Supposed {
    /// The context.
    pub context: Context,
    /// The fields that come from the sample; `customer.*` stands for all fields of a part.
    pub sampled: Vec<&'static str>,
}

/// The event goes through another mapping, or through none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The event's kind, in words.
    is: String,
    mapping: Name,
    /// The mappings that such an event goes through.
    instead: Vec<Name>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let takes = match self.mapping {
            Name::KeywordNote => "a customer_text that is a subscription keyword (opt_in, opt_out or help)".to_owned(),
            Name::OpenTicket
            | Name::AppendComment
            | Name::FollowUp
            | Name::AgentReply
            | Name::TicketSolved
            | Name::Template
            | Name::FailureNote => format!("a {}", self.mapping.takes()),
        };
        write!(f, "this is {}; {} takes {takes}", self.is, self.mapping)?;
        match self.instead.iter().map(|name| name.as_str()).collect::<Vec<_>>().as_slice() {
            [] => f.write_str(" (no mapping takes this one)"),
            names => write!(f, " (this one is for {})", names.join(", ")),
        }
    }
}

impl std::error::Error for Misfit {}

impl Misfit {
    /// Whether an event of this kind goes through the mapping.
    ///
    /// # Errors
    /// When it does not, with the mappings that it goes through.
    pub fn check(mapping: Name, kind: &str) -> Result<(), Self> {
        if mapping.takes().word() == kind {
            return Ok(());
        }
        let instead = Name::ALL.into_iter().filter(|name| name.takes().word() == kind).collect();
        Err(Self { is: format!("a {kind}"), mapping, instead })
    }

    /// Whether a customer's text goes through the mapping. A request for help is an ordinary text where no ticket is
    /// open.
    fn check_keyword(mapping: Name, keyword: Option<Keyword>) -> Result<(), Self> {
        let is = match (keyword, mapping) {
            (None, Name::KeywordNote) => "a customer_text without a keyword",
            (Some(Keyword::OptIn), name) if name != Name::KeywordNote => "the keyword opt_in",
            (Some(Keyword::OptOut), name) if name != Name::KeywordNote => "the keyword opt_out",
            (None | Some(Keyword::OptIn | Keyword::OptOut | Keyword::Help), _) => return Ok(()),
        };
        let instead = match keyword {
            None => vec![Name::OpenTicket, Name::AppendComment, Name::FollowUp],
            Some(_) => vec![Name::KeywordNote],
        };
        Err(Self { is: is.to_owned(), mapping, instead })
    }
}

/// The context for `mapping`: the event's data over those of `sample`, the mapping's own.
///
/// An agent's reply carries no text, because the bridge reads it from the ticket, so the text is the sample's here.
///
/// # Errors
/// [`Misfit`] when the event does not go through the mapping.
pub fn suppose(mapping: Name, sample: Context, event: &Event) -> Result<Supposed, Misfit> {
    let sampled = vec!["event.id", "event.ids", "event.received_at"];
    let mut supposed = Supposed { context: sample, sampled };
    match &event.kind {
        EventKind::CustomerText(written) => {
            Misfit::check(mapping, event.kind.name().word())?;
            Misfit::check_keyword(mapping, written.keyword)?;
            supposed.writes(mapping, written);
        }
        EventKind::AgentReply(reply) if mapping == Name::AgentReply => {
            supposed.context.ticket.id = Some(reply.ticket_id);
            supposed.texts(reply.external_user_id.as_deref());
            supposed.sampled.extend(["message.*", "campaign.id"]);
        }
        EventKind::PhoneText(owed) => {
            Misfit::check(mapping, event.kind.name().word())?;
            supposed.texts(owed.external_user_id.as_deref());
            supposed.says(owed);
        }
        EventKind::TicketSolved(change) => {
            Misfit::check(mapping, event.kind.name().word())?;
            supposed.context.ticket.id = Some(change.ticket_id);
            supposed.texts(change.external_user_id.as_deref());
            supposed.sampled.push("campaign.id");
        }
        EventKind::Template(template) => {
            Misfit::check(mapping, event.kind.name().word())?;
            supposed.context.ticket.id = template.ticket_id;
            supposed.texts(template.external_user_id.as_deref());
            supposed.sampled.push("campaign.id");
        }
        EventKind::AgentReply(_) => {
            return Err(Misfit { is: "an agent_reply".to_owned(), mapping, instead: vec![Name::AgentReply] });
        }
        EventKind::Note(note) => {
            Misfit::check(mapping, event.kind.name().word())?;
            supposed.tells(note);
        }
        EventKind::TicketReopened(_) | EventKind::Unreadable(_) => Misfit::check(mapping, event.kind.name().word())?,
    }
    Ok(supposed)
}

impl Supposed {
    /// Puts a customer's text into the context.
    fn writes(&mut self, mapping: Name, written: &CustomerText) {
        let context = &mut self.context;
        context.event.channel = Some(written.channel.clone());
        context.event.category = Some(written.category.clone());
        // Every readable body names a customer, or a ticket whose customer only Zendesk knows.
        match identities_of(&written.customer, Ends::FIRST.carrier).first() {
            Some(alias) => {
                let key = alias.key().0;
                context.ticket.external_id.clone_from(&key);
                context.customer = CustomerPart::of(key, &written.customer, written.line.clone());
            }
            None => self.sampled.push("customer.*"),
        }
        message(context, &written.text, &written.media);
        context.message.media.clone_from(&written.media);
        context.message.uploads = written.media.iter().map(|_| SAMPLE_UPLOAD.to_owned()).collect();
        context.ticket.subject.clone_from(&written.fields.subject);
        context.ticket.priority.clone_from(&written.fields.priority);
        context.ticket.kind.clone_from(&written.fields.kind);
        self.sampled.push("requester.id");
        if !written.media.is_empty() {
            self.sampled.push("message.uploads");
        }
        let context = &mut self.context;
        match (context.ticket.id, written.ticket_id) {
            (Some(_), Some(named)) => context.ticket.id = Some(named),
            (Some(_), None) => self.sampled.push("ticket.id"),
            (None, _) => {}
        }
        if context.ticket.previous_id.is_some() {
            self.sampled.push("ticket.previous_id");
        }
        if context.ticket.status.is_some() {
            self.sampled.push("ticket.status");
        }
        if let (Name::KeywordNote, Some(keyword)) = (mapping, written.keyword) {
            context.note.status = (keyword != Keyword::OptOut).then(|| "open".to_owned());
            self.codes(&Saying::of_keyword(keyword, &written.text));
        }
    }

    /// Puts a note of the bridge's own into the context.
    fn tells(&mut self, note: &Note) {
        self.context.ticket.id = Some(note.ticket_id);
        match &note.says {
            Says::Coded(saying) => self.codes(saying),
            Says::Words { text } => {
                let html = text::html_from_plain(text);
                self.context.note = NotePart { text: text.clone(), html, ..NotePart::default() };
            }
        }
    }

    /// Puts the code and fields of a note into the context ([`super::Mappings::word`]).
    fn codes(&mut self, saying: &Saying) {
        let note = &mut self.context.note;
        note.code = Some(saying.code().to_owned());
        note.codes = vec![saying.code().to_owned()];
        note.fields = saying.fields();
    }

    /// Puts a text to the phone into the context, with all but its customer.
    fn says(&mut self, owed: &PhoneText) {
        let context = &mut self.context;
        message(context, &owed.text, &[]);
        context.message.media = owed.attachments.iter().map(|file| file.url.clone()).collect();
        context.message.agent_name.clone_from(&owed.agent_name);
        match owed.ticket_id {
            Some(ticket) => context.ticket.id = Some(ticket),
            None => self.sampled.push("ticket.id"),
        }
        let Some(recipe) = &owed.recipe else { return self.sampled.push("campaign.id") };
        context.campaign.id = Some(recipe.campaign_id.clone());
        context.attributes.extend(recipe.attributes.clone());
    }

    /// Puts the recipient of a text into the context, where the body names one.
    fn texts(&mut self, external_user_id: Option<&str>) {
        let context = &mut self.context;
        let Some(id) = external_user_id else { return self.sampled.push("customer.*") };
        context.recipient = RecipientPart::of(&Recipient::External(id.to_owned()));
        context.customer.external_id = Some(id.to_owned());
        context.customer.key = id.to_owned();
        context.ticket.external_id = id.to_owned();
        self.sampled.push("customer.* beside customer.external_id");
    }
}

/// The token that stands for a picture copied to Zendesk.
const SAMPLE_UPLOAD: &str = "6bk3gql82em5nmf";

/// Puts the words and the links into the message of the context.
fn message(context: &mut Context, words: &str, links: &[String]) {
    let lines = std::iter::once(words).filter(|words| !words.is_empty()).chain(links.iter().map(String::as_str));
    let whole = lines.collect::<Vec<_>>().join("\n");
    context.message.html = text::html_from_plain(&whole);
    context.message.msg_body.clone_from(&whole);
    context.message.text = whole;
}
