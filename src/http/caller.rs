//! The operator behind a request, and their grant. It never finds out who asks.

use crate::clock::Clock;
use crate::domain::access::{Grant, Role};
use crate::domain::operator::{Operator, Order};

/// The operator behind a request, and their grant.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The operator.
    pub(super) operator: Operator,
    /// The operator's role and rights.
    pub(super) grant: Grant,
}

impl Caller {
    /// An order that the caller gives now.
    pub(super) fn order(&self, clock: &Clock) -> Order {
        Order { operator: self.operator.clone(), given_at: clock.now(), accepted_by: None }
    }

    /// The reason for refusing a request that needs this role, for the middle of a sentence.
    pub(super) fn is_short_of(&self, needed: Role) -> String {
        let who = self.operator.by.as_deref().unwrap_or("this operator");
        format!("this needs the role {}, and {who} has the role {}", needed.name(), self.grant.role.name())
    }
}
