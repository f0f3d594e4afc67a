//! For texts on a channel with a window: puts them off while it is shut, and sends the template that asks the customer to
//! write again. [`crate::policy::window`] decides; nothing here reads a ticket's comments.

use crate::domain::account::End;
use crate::domain::cause;
use crate::domain::conversation::{Change, Stand};
use crate::domain::delivery::Outcome;
use crate::domain::event::{Event, EventKind, PhoneText, Template};
use crate::mapping::Name;
use crate::policy::window::{self, Course};
use crate::ports::Failure;
use crate::store::Claim;

use super::claimed::recipient_of;
use super::report::Learnt;
use super::{Worker, context, notes};

impl Worker {
    /// Checks that the text may go now; the outcome of one that waits or ends. A drop-in body names its own campaign, so its
    /// sender decides.
    pub(super) async fn may_go(&self, claim: &Claim, text: &PhoneText, learnt: &mut Learnt) -> Result<(), Outcome> {
        let line = self.line_of(claim)?;
        let Some(head) = claim.work.first().filter(|_| text.recipe.is_none() && line.channel.has_window()) else {
            return Ok(());
        };
        let now = self.clock.now();
        let known = claim.conversation.as_ref().map(|known| known.window.clone()).unwrap_or_default();
        let owed = window::Text { since: window::owed_since(&head.delivery), ticket: text.ticket_id };
        let until = match window::course(line, &known, owed, now) {
            Course::Send => return Ok(()),
            Course::End(cause) => return Err(Outcome::GiveUp { cause: cause.to_owned() }),
            Course::Solved(until) if self.came_with_solution(text).await? => until,
            Course::Solved(_) => return Err(Outcome::GiveUp { cause: cause::SOLVED_UNANSWERED.to_owned() }),
            Course::Wait(until) => until,
            Course::Ask => {
                let template = Template { ticket_id: text.ticket_id, external_user_id: text.external_user_id.clone() };
                learnt.changes.push(Change::Asked);
                learnt.besides.push(Event { received_at: now, kind: EventKind::Template(template) });
                // The template goes first, and then the text is weighed again.
                now
            }
        };
        if !window::has_waited(&head.delivery) {
            learnt.besides.extend(text.ticket_id.map(|ticket| notes::waits(ticket, text, now)));
        }
        Err(Outcome::Postpone { cause: cause::WAITS_FOR_ANSWER.to_owned(), until, for_budget: false })
    }

    /// Whether the text is the comment with which its ticket was solved: its agent means it to arrive.
    async fn came_with_solution(&self, text: &PhoneText) -> Result<bool, Outcome> {
        let (Some(ticket), Some(comment)) = (text.ticket_id, text.comment_id) else { return Ok(false) };
        match self.zendesk.comment_that_solved(ticket).await {
            Ok(solution) => Ok(solution == Some(comment)),
            Err(Failure::NotFound { .. }) => Ok(false),
            Err(failure) => Err(self.outcome(failure, End::Desk)),
        }
    }

    /// Sends the template that asks the customer to write again, unless they have.
    pub(super) async fn send_template(
        &self,
        claim: &Claim,
        template: &Template,
        learnt: &mut Learnt,
    ) -> Result<Outcome, Outcome> {
        if self.is_open(claim)? {
            // Nobody was asked, so the next text behind this window asks anew.
            learnt.changes.push(Change::AskStands(Stand::Failed));
            return Ok(Outcome::Skip { reason: "the customer has written since".to_owned() });
        }
        let asked = claim.conversation.as_ref().and_then(|known| known.window.asked.as_ref());
        if asked.is_some_and(|asked| asked.stand == Stand::Sent) {
            return Ok(Outcome::Skip { reason: "the customer was asked already".to_owned() });
        }
        if self.line_of(claim)?.forms.template.is_none() {
            return Err(Outcome::GiveUp { cause: cause::NO_TEMPLATE.to_owned() });
        }
        let recipient = recipient_of(claim).ok_or_else(|| Outcome::GiveUp { cause: cause::NO_RECIPIENT.to_owned() })?;
        self.may_text(claim, &recipient, learnt).await?;
        let text = context::wordless(template.ticket_id, template.external_user_id.as_ref());
        self.send_parts(claim, Name::Template, &recipient, &[String::new()], &text, learnt).await
    }

    /// Whether the customer has written since this delivery was accepted, which opens a solved ticket again. On a channel
    /// without a window nothing waits for days, and nothing is known of it.
    pub(super) fn has_written_since(claim: &Claim) -> bool {
        let heard_at = claim.conversation.as_ref().and_then(|known| known.window.heard_at);
        let accepted_at = claim.work.first().map(|head| head.delivery.accepted_at);
        heard_at.zip(accepted_at).is_some_and(|(heard_at, accepted_at)| accepted_at < heard_at)
    }

    /// Whether free text may go on the claim's line.
    pub(super) fn is_open(&self, claim: &Claim) -> Result<bool, Outcome> {
        let known = claim.conversation.as_ref().map(|known| known.window.clone()).unwrap_or_default();
        Ok(known.is_open(self.line_of(claim)?, self.clock.now()))
    }
}
