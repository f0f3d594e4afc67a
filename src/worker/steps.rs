//! The steps of a claim: [`inbound`] brings texts to the ticket, [`outbound`] replies to the phone, [`lookup`] finds the
//! customer, the ticket and the bridge's own writes for both, and `tell` writes notes for agents.
//!
//! This module gives each step its collaborators: those that it uses and no others. It never takes a step.

pub(in crate::worker) mod inbound;
pub(in crate::worker) mod lookup;
pub(in crate::worker) mod outbound;
mod tell;

use super::Worker;
use crate::worker::steps::inbound::openings::Openings;
use crate::worker::steps::inbound::requester::Requesters;
use crate::worker::steps::lookup::customers::Customers;
use crate::worker::steps::lookup::identify::Finder;
use crate::worker::steps::lookup::merged::Merges;
use crate::worker::steps::lookup::talks::Talks;
use crate::worker::steps::lookup::theirs::Owners;
use crate::worker::steps::outbound::replies::Replies;

impl Worker {
    pub(super) fn customers(&self) -> Customers<'_> {
        Customers { store: self.store.as_ref(), lines: &self.lines, ends: self.ends, home: self.users.home }
    }

    pub(super) fn requesters(&self) -> Requesters<'_> {
        Requesters {
            desk: self.desk.as_ref(),
            store: self.store.as_ref(),
            customers: self.customers(),
            in_the_making: &self.users.in_the_making,
            ends: self.ends,
            clock: &self.clock,
        }
    }

    pub(super) fn merges(&self) -> Merges<'_> {
        Merges {
            desk: self.desk.as_ref(),
            store: self.store.as_ref(),
            customers: self.customers(),
            ends: self.ends,
            clock: &self.clock,
        }
    }

    pub(super) fn owners(&self) -> Owners<'_> {
        Owners { desk: self.desk.as_ref(), customers: self.customers(), ends: self.ends, clock: &self.clock }
    }

    pub(super) fn openings(&self) -> Openings<'_> {
        Openings { desk: self.desk.as_ref(), store: self.store.as_ref(), ends: self.ends, clock: &self.clock }
    }

    pub(super) fn talks(&self) -> Talks<'_> {
        Talks { store: self.store.as_ref(), customers: self.customers(), carriers: &self.carriers }
    }

    pub(super) fn finder(&self) -> Finder<'_> {
        Finder {
            desk: self.desk.as_ref(),
            store: self.store.as_ref(),
            lines: &self.lines,
            customers: self.customers(),
            merges: self.merges(),
            talks: self.talks(),
            ends: self.ends,
            clock: &self.clock,
        }
    }

    pub(super) fn replies(&self) -> Replies<'_> {
        Replies {
            desk: self.desk.as_ref(),
            store: self.store.as_ref(),
            staff: &self.users.staff,
            finder: self.finder(),
            merges: self.merges(),
            owners: self.owners(),
            openings: self.openings(),
            ends: self.ends,
            clock: &self.clock,
        }
    }
}
