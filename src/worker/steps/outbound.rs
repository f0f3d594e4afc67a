//! From the ticket to the phone: takes the steps that [`crate::policy::outbound`] plans for a message, until it has come to
//! its end. It never decides whether or when a message goes, and never reads comments; [`crate::worker::steps::outbound::replies`] does.

pub(in crate::worker) mod confirm;
pub(in crate::worker) mod replies;
pub(in crate::worker) mod staff_seen;

use crate::domain::account::End;
use crate::domain::conversation::{Change, Conversation, TicketStatus};
use crate::domain::delivery::{Delivery, Outcome};
use crate::domain::event::{EventKind, PhoneText, TicketChange, UserId};
use crate::domain::line::{By, Channel};
use crate::domain::outgoing::{Content, Outgoing};
use crate::domain::refusals::Object;
use crate::domain::retry::OnUnconfirmed;
use crate::domain::text::{self, RecipeMessage};
use crate::mapping::Name;
use crate::policy::outbound::{Ending, Facts, Sending, Step, Terms, plan};
use crate::ports::{Failure, Meant, Text};
use crate::store::{Claim, Verdict};

use crate::worker::Worker;
use crate::worker::context;

impl Worker {
    /// Carries the claim's message to the phone, step by step.
    pub(in crate::worker) async fn send_message(
        &self,
        claim: &Claim,
        learnt: &mut Verdict,
    ) -> Result<Outcome, Outcome> {
        let head = claim.work.first();
        let Some((head, message)) = head.and_then(|head| Some((head, Outgoing::of(&head.event.kind)?))) else {
            return Err(Outcome::GiveUp { cause: "an empty claim".to_owned() });
        };
        let conversation = claim.conversation.as_ref();
        let line = self.line_for(conversation);
        let (came_at, now) = (head.event.received_at, self.clock.now());
        let terms = self.terms_of_messages(&head.delivery, conversation);
        let mut facts = Facts::new(message, came_at, &head.delivery, conversation, line, terms, now);
        let channel = line.map(|line| line.channel).unwrap_or_default();
        // A text that cannot go is refused once it is known to be its customer's.
        if let Some(text) = message.text().filter(|text| self.meaning(text, channel) == Ok(Meant::Form)) {
            facts.names_a_form(&text.text);
        }
        loop {
            if let Some(outcome) = self.take_outbound(plan(&facts), claim, &message, &mut facts, learnt).await? {
                return Ok(outcome);
            }
        }
    }

    /// The meaning of an agent's text to the carrier. A form goes without files beside it.
    fn meaning(&self, text: &PhoneText, channel: Channel) -> Result<Meant, String> {
        match self.carrier.meaning(&text.text, channel)? {
            Meant::Form if !text.attachments.is_empty() => {
                Err("a template goes without files beside it: send them in a reply of their own".to_owned())
            }
            meant @ (Meant::Words | Meant::Form) => Ok(meant),
        }
    }

    fn terms_of_messages(&self, delivery: &Delivery, conversation: Option<&Conversation>) -> Terms<'_> {
        Terms {
            carrier: self.ends.carrier,
            by: self.lines.knows_by(self.ends.carrier),
            on_unconfirmed: self.on_unconfirmed(delivery, conversation),
            gsm7: self.options.gsm7,
            asks_on: self.options.subscription_group.as_deref(),
            lost_until: self.store.lost_time().map(|lost| lost.until),
        }
    }

    /// Takes one step; `Some` when the message has come to its end.
    async fn take_outbound(
        &self,
        step: Step,
        claim: &Claim,
        message: &Outgoing<'_>,
        facts: &mut Facts<'_>,
        learnt: &mut Verdict,
    ) -> Result<Option<Outcome>, Outcome> {
        match step {
            Step::Learn(changes) => {
                learnt.changes.extend(changes);
                facts.learnt();
            }
            Step::Identify(ticket) => {
                facts.identified(self.finder().identify(claim, ticket, message.named, learnt).await?)
            }
            Step::AskWhose { ticket, told } => {
                facts.whose_told(self.owners().is_theirs(claim, ticket, told, learnt).await?)
            }
            Step::AskConsent { line, channel, to } => {
                let asked_at = self.clock.now();
                let answer = self.carrier.takes_texts(&line, channel, &to).await;
                let answer = answer.map_err(|failure| self.not_told(facts, failure))?;
                learnt.changes.extend(facts.consent_told(answer, asked_at));
            }
            Step::FindReplies { told } => {
                if let Some(later) = self.replies_before(claim, told, learnt).await? {
                    return Ok(Some(later));
                }
                facts.no_reply_owed();
            }
            Step::AskSolution(ticket) => facts.solution_told(self.replies().solution_of(ticket).await?),
            Step::Send(sending) => {
                facts.part_sent(self.send_part(claim, message, &sending).await?);
                learnt.parts_sent = Some(sending.part.number);
            }
            Step::End(Ending { outcome, changes, besides }) => {
                learnt.changes.extend(changes);
                learnt.besides.extend(besides);
                return Ok(Some(outcome));
            }
        }
        Ok(None)
    }

    /// The outcome where the carrier did not tell whether the customer takes texts.
    fn not_told(&self, facts: &Facts<'_>, failure: Failure) -> Outcome {
        let outcome = self.outcome(failure, End::Carrier);
        if let Outcome::GiveUp { cause } = outcome { facts.undeliverable(cause) } else { outcome }
    }

    async fn replies_before(
        &self,
        claim: &Claim,
        told: Option<UserId>,
        learnt: &mut Verdict,
    ) -> Result<Option<Outcome>, Outcome> {
        let Some(EventKind::TicketSolved(change)) = claim.work.first().map(|head| &head.event.kind) else {
            return Ok(None);
        };
        self.replies().before_closing(claim, change, told, learnt).await
    }

    /// Sends one part, and gives the carrier's name for it.
    async fn send_part(
        &self,
        claim: &Claim,
        message: &Outgoing<'_>,
        sending: &Sending,
    ) -> Result<Option<String>, Outcome> {
        let mapping = match message.content {
            Content::Text(_) => Name::AgentReply,
            Content::Fixed => Name::TicketSolved,
            Content::Template => Name::Template,
        };
        // A text that came without the desk's dashes is printed as it is by the campaign that it names.
        let recipe = message.text().and_then(|text| text.recipe.as_ref());
        let is_framed = recipe.is_some_and(|recipe| !recipe.plain);
        let third_line = is_framed && self.options.recipe_message == RecipeMessage::ThirdLine;
        let msg_body = if third_line { text::third_line(&sending.words) } else { sending.words.clone() };
        let is_mapped = self.carrier.takes_mappings();
        let body = is_mapped.then(|| self.render(mapping, &context::outbound(claim, message, sending, msg_body)));
        let body = body.transpose()?;
        let conversation = claim.conversation.as_ref();
        let line = self.line_for(conversation);
        let channel = line.map(|line| line.channel).unwrap_or_default();
        if let Some(text) = message.text().filter(|_| sending.part.number == 1) {
            self.meaning(text, channel).map_err(|cause| Outcome::GiveUp { cause })?;
        }
        let told = conversation.filter(|_| self.lines.knows_by(self.ends.carrier) == By::Thread);
        let told = told.and_then(|conversation| conversation.line.as_deref());
        let line = line.and_then(|line| line.address.as_deref()).or(told);
        let Sending { to, form, words, part } = sending;
        let template = (message.content == Content::Template).then_some(form.as_str());
        let (part, body, ticket) = (*part, body.as_ref(), message.ticket);
        let number = conversation.and_then(|conversation| conversation.customer.phone.as_deref());
        let delivery = claim.work.first().map(|head| &head.delivery);
        let refused_at = delivery.and_then(Delivery::refused_at);
        let doubted_since = delivery.and_then(Delivery::doubted_since);
        let text = Text { to, channel, line, words, template, part, body, ticket, number, refused_at, doubted_since };
        let sent = self.carrier.send(&text).await;
        sent.map(|sent| sent.dispatch).map_err(|failure| self.not_sent(message, failure))
    }

    /// The outcome of a send that failed.
    fn not_sent(&self, message: &Outgoing<'_>, failure: Failure) -> Outcome {
        let account = self.ends.carrier;
        match (failure, message.text().and_then(|text| text.recipe.as_ref())) {
            // A campaign that a drop-in body names is that body's affair: no other text waits for it.
            (Failure::Forbid { cause, status: 403, .. }, Some(recipe)) => {
                Outcome::Forbid { account, object: Object::Campaign(recipe.campaign_id.clone()), cause }
            }
            (Failure::Forbid { cause, .. }, Some(_)) => Outcome::GiveUp { cause },
            (Failure::Broke { cause, .. }, _) if self.options.on_unconfirmed == OnUnconfirmed::Hold => {
                Outcome::Lose { cause }
            }
            // Every text goes through the configured campaign, so its refusal concerns the account.
            (Failure::Forbid { cause, object: Object::Campaign(_), .. }, None) => Outcome::Pause { account, cause },
            (failure, _) => self.outcome(failure, End::Carrier),
        }
    }

    /// Remembers that the ticket is open again.
    pub(in crate::worker) fn note_reopened(claim: &Claim, change: &TicketChange, learnt: &mut Verdict) -> Outcome {
        let current = claim.conversation.as_ref().and_then(|conversation| conversation.ticket.as_ref());
        if current.is_some_and(|current| current.id == change.ticket_id) {
            learnt.changes.push(Change::Status(change.ticket_id, TicketStatus::Open));
        }
        Outcome::Deliver { receipt: "noted".to_owned() }
    }
}
