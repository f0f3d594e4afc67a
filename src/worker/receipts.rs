//! For a carrier's reports: finds the delivery of each, and its consequences.
//!
//! A report binds by the bridge's own mark, or by the name of its send, or where exactly one delivery fits; never by a
//! guess. Nothing here calls a vendor, and no report makes a text go out: at most one is known to be out already, and is not
//! sent again.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::domain::alarm::Notice;
use crate::domain::conversation::{Change, ConversationKey, Subscription};
use crate::domain::delivery::{Delivery, Outcome};
use crate::domain::event::{CustomerText, Event, EventKind};
use crate::domain::find::Search;
use crate::domain::line::{Channel, Line};
use crate::domain::outgoing::Outgoing;
use crate::domain::parts;
use crate::domain::phone;
use crate::domain::receipt::{self, Fate, Kept, Learnt, Report, Reported, WINDOW};
use crate::domain::retry::later;
use crate::policy::reports::{is_news, is_sent, known_to_be_out, part_meant, says_the_same, takes_notes};
use crate::store::{Claim, DeliveryFilter, StoreError, Verdict};

use super::talks::unsubscribed_note;
use super::{Crew, Worker};

/// Reports that are weighed before the store is asked for more.
const AT_ONCE: usize = 64;

/// How soon it is tried again when the store did not answer.
const FAILED_WAIT: Duration = Duration::from_secs(5);

/// How long nothing is asked of the store at most.
const REST_MAX: Duration = Duration::from_secs(60);

/// How many of a customer's newest deliveries are looked at: far more than fall into one window.
const LOOKED_AT: usize = 100;

/// How many conversations of one number are looked at.
const PROFILES_MAX: usize = 20;

impl Crew {
    /// Weighs reports until `stop`.
    pub(super) async fn weigh_reports(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let now = self.clock.now();
            match self.weigh_some(now, stop).await {
                Ok(0) => self.rest_from_reports(stop).await,
                Ok(_) => {}
                Err(error) => {
                    warn!(%error, "reports.not_weighed: they are weighed again in a moment");
                    stop.run_until_cancelled(self.clock.sleep(FAILED_WAIT)).await;
                }
            }
        }
    }

    async fn weigh_some(&self, now: Timestamp, stop: &CancellationToken) -> Result<usize, StoreError> {
        let due = self.store.due_reports(now, AT_ONCE).await?;
        for kept in &due {
            if stop.is_cancelled() {
                break;
            }
            let fate = match self.at_carrier(kept.report.carrier) {
                Some(worker) => worker.fate_of(kept, now).await?,
                // Nothing more can be learnt of it; the operator sees it.
                None => Fate::Unbound,
            };
            let word = word_of(kept, &fate);
            let what = kept.report.what.name();
            if let Fate::Bound { delivery, .. } = &fate {
                self.supervisor.metrics.receipt(kept.report.carrier, what);
                info!(event_id = %delivery, what, "report.{word}: the carrier reports of {delivery}: {what}");
            }
            if self.store.weigh(kept.number, fate, now).await? {
                self.supervisor.metrics.report_weighed(kept.report.carrier, word);
            }
        }
        Ok(due.len())
    }

    async fn rest_from_reports(&self, stop: &CancellationToken) {
        let longest = later(self.clock.now(), REST_MAX);
        let due = self.store.next_report_due().map_or(longest, |due| due.min(longest));
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.store.reports_changed() => {}
            () = self.clock.sleep_until(due) => {}
        }
    }
}

impl Worker {
    async fn fate_of(&self, kept: &Kept, now: Timestamp) -> Result<Fate, StoreError> {
        if kept.taken_in.is_some() {
            // Its webhook has had its time to come.
            return Ok(Fate::Over);
        }
        let report = &kept.report;
        match &report.what {
            Reported::Wrote(wrote) => self.pair(kept, &wrote.0, now).await,
            Reported::Unsubscribed if self.keeps_talks() => self.blocked(report, now).await,
            Reported::Unsubscribed => self.unsubscribed(report, now).await,
            Reported::Resubscribed => self.unblocked(report).await,
            Reported::TalkMoved { .. } => self.talk_moved(kept, now).await,
            Reported::TalkOver => self.talk_over(report).await,
            Reported::Sent { .. }
            | Reported::Delivered
            | Reported::Read
            | Reported::Failed(_)
            | Reported::HeldBack(_) => self.bind(kept, now).await,
        }
    }

    /// Finds the delivery that a report of a send is about.
    async fn bind(&self, kept: &Kept, now: Timestamp) -> Result<Fate, StoreError> {
        let report = &kept.report;
        let Some((delivery, event, part)) = self.delivery_of(report, now).await? else {
            // The report of the send may be on its way, or the answer to it.
            let wait = later(kept.taken_at, WINDOW);
            return Ok(if now < wait { Fate::Later(wait) } else { Fate::Unbound });
        };
        let conversation = self.store.conversation(&delivery.conversation).await?;
        let ticket = event.kind.ticket_id().or_else(|| Some(conversation.as_ref()?.ticket.as_ref()?.id));
        let ticket = ticket.filter(|ticket| takes_notes(conversation.as_ref(), *ticket));
        Ok(Fate::Bound {
            delivery: delivery.id,
            part,
            of: parts::count(&event.kind, self.cut_of(&delivery, conversation.as_ref())),
            note: receipt::note(delivery.id, &event, report, ticket, now).map(Box::new),
        })
    }

    async fn delivery_of(&self, report: &Report, now: Timestamp) -> Result<Option<(Delivery, Event, u32)>, StoreError> {
        if let Reported::Sent { mark: Some(mark) } = &report.what {
            let marked = self.store.delivery(mark.id).await?;
            return Ok(marked
                .filter(|(delivery, _)| is_sent(delivery) && delivery.ends.carrier == report.carrier)
                .map(|(delivery, event)| (delivery, event, mark.part)));
        }
        if let Some(dispatch) = &report.dispatch {
            if let Some((known, part)) = self.delivery_under(dispatch).await? {
                return Ok(self.store.delivery(known.id).await?.map(|(delivery, event)| (delivery, event, part)));
            }
            // The report of the send tells its name, and a text that was held back has no send.
            if !matches!(report.what, Reported::Sent { .. } | Reported::HeldBack(_)) {
                return Ok(None);
            }
        }
        self.only_one_that_fits(report, now).await
    }

    /// The only text that went out under this name, and its part.
    pub(super) async fn delivery_under(&self, dispatch: &str) -> Result<Option<(Delivery, u32)>, StoreError> {
        let filter = DeliveryFilter {
            dispatch: Some(dispatch.to_owned()),
            newest_first: true,
            limit: LOOKED_AT,
            ..DeliveryFilter::default()
        };
        let known = self.store.deliveries(filter).await?.items.into_iter().filter(is_sent);
        let known = known.filter(|delivery| delivery.ends.carrier == self.ends.carrier);
        Ok(receipt::only(known.filter_map(|delivery| {
            let part = delivery.part_under(dispatch)?;
            Some((delivery, part))
        })))
    }

    /// The one text to this customer that went out with this campaign when the report says so.
    async fn only_one_that_fits(
        &self,
        report: &Report,
        now: Timestamp,
    ) -> Result<Option<(Delivery, Event, u32)>, StoreError> {
        let Some(campaign) = &report.campaign else { return Ok(None) };
        let mut fitting = Vec::new();
        for key in self.conversations_of(report).await? {
            let known = self.store.conversation(&key).await?;
            let line = self.line_for(known.as_ref());
            let filter = DeliveryFilter {
                conversation: Some(key),
                newest_first: true,
                hide_notes: true,
                hide_doorbells: true,
                limit: LOOKED_AT,
                ..DeliveryFilter::default()
            };
            for delivery in self.store.deliveries(filter).await?.items {
                if !is_sent(&delivery) || !delivery.may_have_sent_at(report.at, now) {
                    continue;
                }
                let Some((delivery, event)) = self.store.delivery(delivery.id).await? else { continue };
                let of = parts::count(&event.kind, self.cut_of(&delivery, known.as_ref()));
                let part = part_meant(&delivery, of, report.dispatch.is_some());
                let is_its_form = form_of(&event.kind, line) == Some(campaign.as_str());
                fitting.extend(part.filter(|_| is_its_form).map(|part| (delivery, event, part)));
            }
        }
        Ok(receipt::only(fitting))
    }

    /// The conversations of the report's customer, on every line.
    async fn conversations_of(&self, report: &Report) -> Result<Vec<ConversationKey>, StoreError> {
        if report.customer.external_id.is_none() && report.customer.carrier_id.is_none() {
            return Ok(Vec::new());
        }
        self.customers().keys_of(&report.customer, self.ends.carrier).await
    }

    /// Finds the webhook's text that a report tells of, each for one report; a text of which no webhook came is taken in, or
    /// left to the operator.
    async fn pair(&self, kept: &Kept, text: &CustomerText, now: Timestamp) -> Result<Fate, StoreError> {
        let report = &kept.report;
        let until = later(report.at.max(kept.taken_at), WINDOW);
        for key in self.conversations_of(report).await? {
            let same = self.same_texts(&key, report, text, until).await?;
            if let Some(webhook) = same.into_iter().find(|delivery| delivery.receipts.is_empty()) {
                return Ok(Fate::Bound { delivery: webhook.id, part: 1, of: 1, note: None });
            }
        }
        if self.is_another_profiles(report, text, now).await? {
            return Ok(Fate::Over);
        }
        let place = self.place_on(text.told_line(), Channel::of_word(&text.channel).unwrap_or_default());
        let what_to_do = match place {
            Some(place) if self.options.currents_backfill => {
                info!("report.taken_in: a text of a customer's came by no webhook and is taken in from its report");
                let received_at = report.at.min(now);
                let event = Event { received_at, kind: EventKind::CustomerText(text.clone()) };
                return Ok(Fate::TakenIn { event: Box::new(event), place });
            }
            Some(_) => "see the log of the carrier's webhook campaign, or set currents_backfill",
            None => "it is on no line of the configuration",
        };
        warn!(
            report = kept.number,
            "report.no_webhook: a customer wrote at {} and no webhook came of it; {what_to_do}", report.at
        );
        self.alarms.note(Notice::NoWebhook, now);
        Ok(Fate::Unbound)
    }

    /// The texts in a conversation that say the same within some minutes, oldest first.
    async fn same_texts(
        &self,
        key: &ConversationKey,
        report: &Report,
        text: &CustomerText,
        until: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let filter = DeliveryFilter {
            conversation: Some(key.clone()),
            since: Some(report.at.checked_sub(WINDOW).unwrap_or(Timestamp::MIN)),
            until: Some(later(until, Duration::from_secs(1))),
            hide_notes: true,
            hide_doorbells: true,
            limit: LOOKED_AT,
            ..DeliveryFilter::default()
        };
        let mut same = Vec::new();
        for delivery in self.store.deliveries(filter).await?.items {
            let Some((delivery, event)) = self.store.delivery(delivery.id).await? else { continue };
            let EventKind::CustomerText(known) = &event.kind else { continue };
            if says_the_same(known, text) {
                same.push(delivery);
            }
        }
        Ok(same)
    }

    /// Whether the text is there already, written by another profile of the same number: a carrier reports one text for each
    /// profile that has the number.
    async fn is_another_profiles(
        &self,
        report: &Report,
        text: &CustomerText,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(number) = &report.customer.phone else { return Ok(false) };
        let own = self.conversations_of(report).await?;
        let search = Search::PhoneEnd(phone::digits(number));
        let sharing = self.store.find_conversations(Some(search), None, PROFILES_MAX).await?.items;
        // The same number may write to another carrier's numbers as well.
        let of_carrier = sharing.iter().filter(|conversation| conversation.ends.carrier == self.ends.carrier);
        for conversation in of_carrier.filter(|conversation| !own.contains(&conversation.key)) {
            if !self.same_texts(&conversation.key, report, text, now).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Learns that a customer was unsubscribed, unless a keyword has said so, or a later one otherwise.
    async fn unsubscribed(&self, report: &Report, now: Timestamp) -> Result<Fate, StoreError> {
        if report.customer.external_id.is_none() && report.customer.carrier_id.is_none() {
            return Ok(Fate::Over);
        }
        // A line that is not configured has no conversation.
        let Some(place) = self.place_on(report.line.as_deref(), Channel::default()) else { return Ok(Fate::Over) };
        let key = self.store.key_of(&report.customer, &place, report.line.as_deref()).await?;
        let Some(known) = self.store.conversation(&key).await? else { return Ok(Fate::Over) };
        if !is_news(&known, report.at) {
            return Ok(Fate::Over);
        }
        let changes = vec![Change::SubscriptionAsked(Subscription::Out, report.at)];
        let note = unsubscribed_note(&known, now);
        Ok(Fate::Learnt(vec![Learnt { conversation: key, changes, note }]))
    }

    /// The outcome of a text that is known to be out, whole, by its carrier's reports; `None` of any other.
    pub(super) fn known_to_be_out(&self, claim: &Claim, learnt: &mut Verdict) -> Option<Outcome> {
        let head = claim.work.first()?;
        let conversation = claim.conversation.as_ref();
        let of = parts::count(&head.event.kind, self.cut_of(&head.delivery, conversation));
        let (outcome, taught) = known_to_be_out(&head.delivery, &head.event, conversation, of)?;
        learnt.changes.extend(taught);
        Some(outcome)
    }
}

/// The campaign that an event goes out with.
fn form_of<'a>(kind: &'a EventKind, line: Option<&'a Line>) -> Option<&'a str> {
    Outgoing::of(kind)?.form(line)
}

/// The word for a fate, in metrics and in the log.
fn word_of(kept: &Kept, fate: &Fate) -> &'static str {
    match fate {
        Fate::Bound { .. } if matches!(kept.report.what, Reported::Wrote(_)) => "paired",
        Fate::Bound { .. } => "bound",
        Fate::Later(_) => "later",
        Fate::Unbound => "unbound",
        Fate::Over => "over",
        Fate::TakenIn { .. } => "taken_in",
        Fate::Learnt(_) if kept.report.what == Reported::Unsubscribed => "unsubscribed",
        Fate::Learnt(_) | Fate::Joined => "learnt",
    }
}
