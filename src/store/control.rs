//! The store's side for operators' acts, each durable and audited, and for the end of the store. No call here is made for a
//! webhook or a delivery.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::error::StoreError;
use super::moves::{Forgotten, Moves};
use crate::domain::account::AccountId;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Arrived, StateName, Transition};
use crate::domain::event::EventId;
use crate::domain::inbound::Arrivals;
use crate::domain::operator::{Order, PauseTerms, Seen};

/// Does as an operator orders. See [`super::Store`] for the promises of every call.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// The operator's moves ([`Transition::Redrive`], [`Transition::Discard`], [`Transition::ReadAgain`]), each durable
    /// on return and audited. Redriving a merged delivery redrives those merged with it, each on its own again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Illegal`] for any other move, for one that the delivery's state does not
    /// allow, and while a worker holds the delivery.
    async fn operate(&self, id: EventId, transition: Transition, order: &Order) -> Result<(), StoreError>;

    /// Settles a delivery of unknown fate ([`Transition::Settle`]): the operator has found that it arrived, or how many
    /// of its parts did. The other parts go back to their lane, and the delivery arrives with the last of them.
    ///
    /// Durable on return, audited, and in one commit with its consequences ([`crate::domain::arrival`]): the
    /// conversation's new facts, the mark on deliveries that a note reported, and the note that is owed, at the end of
    /// its lane. Texts written in one comment are settled together, also after they were set aside, just as
    /// [`Control::operate`] redrives them together.
    ///
    /// # Errors
    /// As for [`Control::operate`]; [`StoreError::Illegal`] also for a kind that only reads ([`crate::domain::delivery::Delivery::only_reads`]).
    async fn settle(&self, id: EventId, arrived: Arrived, order: &Order) -> Result<(), StoreError>;

    /// [`Control::operate`] on each delivery that is still in the named state, in the given order, durable on return. The
    /// few hundred ids of one [`super::Archive::sweep`] delay other calls only briefly. A delivery that cannot be moved holds
    /// back none of the others.
    async fn operate_each(
        &self,
        ids: Vec<EventId>,
        state: StateName,
        transition: Transition,
        order: &Order,
    ) -> Result<Moves, StoreError>;

    /// Erases a customer: this conversation and the same customer's on other lines, the names and tickets that lead
    /// there, and all their deliveries with their texts. Waiting deliveries are dropped and not sent. A delivery that a
    /// worker holds is left and counted; so are unreadable bodies that do not name the customer.
    ///
    /// On return no call finds any of it, nor after a crash. Dedupe keys stay: they are digests. The bytes may lie in
    /// the freed space of the backend's files until it is used again or the caller asks for [`super::Queue::compact`], and in
    /// every copy of the files. A text that the customer sends afterwards begins a new conversation.
    ///
    /// Settled deliveries are dropped in small steps; after a failed or stopped step the next call goes on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the store knows nothing under this key.
    async fn forget(&self, key: &ConversationKey, order: &Order) -> Result<Forgotten, StoreError>;

    /// Pauses a destination durably: its deliveries are not handed out until the operator resumes it or the terms' end
    /// comes. `None` resumes it. Returns whether this was a change: a second pause changes the terms but never the
    /// start; empty terms take the end away and leave the reason.
    ///
    /// [`super::Queue::claim`] finds the end: the first claim at that time or later resumes the destination, durably and
    /// audited, and [`super::Queue::next_due`] names that time. A pause that ends while no bridge runs is thus over at the
    /// next start.
    async fn pause(&self, account: AccountId, terms: Option<PauseTerms>, order: &Order) -> Result<bool, StoreError>;

    /// Records durably that an operator is about to see a customer's texts.
    async fn note_seen(&self, seen: Seen, order: &Order) -> Result<(), StoreError>;

    /// Replaces the stored account of webhooks, durably. Called now and then, and not as part of an acceptance.
    async fn keep_arrivals(&self, account: Arrivals) -> Result<(), StoreError>;

    /// The carrier of each desk whose customers' ids stand there as they are, without an account in front. It is the one
    /// that `first` names when the desk is met for the first time, and stays it, because users of the desk bear those ids.
    /// A choice that is new is durable on return.
    async fn keep_homes(
        &self,
        first: BTreeMap<AccountId, AccountId>,
    ) -> Result<BTreeMap<AccountId, AccountId>, StoreError>;

    /// Finishes the calls already made, then closes the medium. From then on every call that can fail is answered
    /// [`StoreError::Closed`].
    async fn close(&self);
}
