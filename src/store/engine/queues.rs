//! The lanes of a store, or of the loaded part of one. Each way to a lane says whose it is, so that none is taken for empty
//! because it is not loaded. It never orders lanes: [`crate::domain::lanes`] does.

use crate::domain::lanes::{LaneName, Lanes};
use crate::store::engine::part::{Scope, Want};

/// The lanes, and how many of the store's they are.
#[derive(Default)]
pub(in crate::store) struct Queues {
    lanes: Lanes,
    scope: Scope,
}

impl Queues {
    /// The lanes of a part, to be filled.
    pub(in crate::store) fn of_part(scope: Scope) -> Self {
        Self { lanes: Lanes::default(), scope }
    }

    /// The lanes, to look at this one.
    pub(in crate::store) fn at(&self, name: &LaneName) -> &Lanes {
        self.scope.want(|| Want::Conversation(name.conversation.clone()));
        &self.lanes
    }

    /// The lanes, to change this one.
    pub(in crate::store) fn change(&mut self, name: &LaneName) -> &mut Lanes {
        self.scope.want(|| Want::Conversation(name.conversation.clone()));
        &mut self.lanes
    }

    /// All lanes that are loaded.
    pub(in crate::store) fn loaded(&self) -> &Lanes {
        &self.lanes
    }

    /// All lanes that are loaded, to fill them or to ask for the next one.
    pub(in crate::store) fn loaded_mut(&mut self) -> &mut Lanes {
        &mut self.lanes
    }

    /// The number of deliveries that wait or are worked on, in the whole store.
    pub(in crate::store) fn len(&self) -> usize {
        let elsewhere = self.scope.part().map_or(0, |part| part.elsewhere.waiting);
        usize::try_from(elsewhere).unwrap_or(usize::MAX).saturating_add(self.lanes.len())
    }
}
