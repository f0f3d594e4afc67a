//! The collaborators of each step: a step holds those that it uses and no others. Never takes a step.

use super::Worker;
use super::customers::Customers;
use super::identify::Finder;
use super::merged::Merges;
use super::openings::Openings;
use super::replies::Replies;
use super::requester::Requesters;
use super::theirs::Owners;

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

    pub(super) fn finder(&self) -> Finder<'_> {
        Finder {
            desk: self.desk.as_ref(),
            store: self.store.as_ref(),
            lines: &self.lines,
            customers: self.customers(),
            merges: self.merges(),
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
