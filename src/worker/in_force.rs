//! The mappings in force, which make all requests. They change while the bridge runs, when the configuration is read
//! again.
//!
//! One request must not change with them: a desk refuses an idempotency key that comes with another body, and then
//! tells nothing about the ticket that the first body may have made. So every later try to open a ticket uses the
//! mappings of the first try. A restart forgets these; a key that is refused then means that the ticket is looked
//! for.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::cause;
use crate::domain::delivery::Outcome;
use crate::domain::event::EventId;
use crate::mapping::{Context, Mappings, Name};

/// How long a desk knows an idempotency key: 2 hours after the last request that used it.
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(2);

/// The mappings in force.
#[derive(Debug)]
pub struct MappingsInForce(Mutex<State>);

#[derive(Debug)]
struct State {
    current: Mappings,
    /// By the event whose text opens the ticket: the time of the last try, and the mappings of the first.
    openings: BTreeMap<EventId, (Timestamp, Mappings)>,
}

impl MappingsInForce {
    /// These mappings, until others are put in force.
    #[must_use]
    pub fn new(mappings: Mappings) -> Self {
        Self(Mutex::new(State { current: mappings, openings: BTreeMap::new() }))
    }

    /// Puts other mappings in force.
    pub fn replace(&self, mappings: Mappings) {
        self.state().current = mappings;
    }

    /// The mappings of every request but those that open a ticket.
    #[must_use]
    pub fn current(&self) -> Mappings {
        self.state().current.clone()
    }

    /// The mappings that open the ticket of this event, which is tried now.
    pub(super) fn for_opening(&self, event: EventId, now: Timestamp) -> Mappings {
        let mut state = self.state();
        state.openings.retain(|_, (tried_at, _)| now.duration_since(*tried_at) <= KEY_LIFE);
        let current = state.current.clone();
        let (tried_at, mappings) = state.openings.entry(event).or_insert((now, current));
        *tried_at = now;
        mappings.clone()
    }

    /// Forgets the mappings of an event whose ticket is open.
    pub(super) fn opened(&self, event: EventId) {
        self.state().openings.remove(&event);
    }

    /// A poisoned lock here holds whole values.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body that a mapping makes.
pub(super) fn render(mappings: &Mappings, mapping: Name, context: &Context) -> Result<serde_json::Value, Outcome> {
    mappings.render(mapping, context).map_err(|error| Outcome::GiveUp {
        cause: format!("{} {mapping} cannot be rendered: {error}", cause::OF_MAPPING),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::TicketId;
    use crate::domain::note::{Note, Reply, Saying};

    fn in_language(language: &str) -> Mappings {
        Mappings::shipped().unwrap().in_language(language).unwrap()
    }

    fn language(mappings: &Mappings) -> &'static str {
        let note = Note::fact(TicketId(1), Saying::ReplyEmpty(Reply { comment: None }));
        if mappings.say([&note], "Braze").starts_with("Une") { "fr" } else { "en" }
    }

    #[test]
    fn a_ticket_is_opened_as_it_was_begun_for_as_long_as_the_desk_knows_its_key() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let event = |sequence| EventId { epoch: 1, sequence, sub: 0 };
        let in_force = MappingsInForce::new(in_language("en"));
        assert_eq!(language(&in_force.for_opening(event(1), at(0))), "en");
        assert_eq!(language(&in_force.for_opening(event(2), at(0))), "en");
        in_force.replace(in_language("fr"));
        assert_eq!(language(&in_force.current()), "fr");
        assert_eq!(language(&in_force.for_opening(event(3), at(1))), "fr", "begun after the change");
        assert_eq!(language(&in_force.for_opening(event(1), at(119))), "en", "begun before it");
        assert_eq!(language(&in_force.for_opening(event(1), at(238))), "en", "the last try keeps the key alive");
        assert_eq!(language(&in_force.for_opening(event(2), at(239))), "fr", "the desk has forgotten this key");
        in_force.opened(event(1));
        assert_eq!(language(&in_force.for_opening(event(1), at(240))), "fr");
    }
}
