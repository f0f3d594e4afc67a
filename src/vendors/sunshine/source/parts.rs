//! The parts of events that several kinds share: ids, objects, times, and the line of a message. Never knows the kind of an event.

use jiff::Timestamp;

use crate::domain::line::Channel;
use crate::intake::Stop;
use crate::intake::fields;
use crate::intake::json::{Json, Object};
use crate::vendors::sunshine::keys::is_id;

/// Where a message goes.
pub(super) struct OnLine {
    /// The channel's integration.
    pub(super) integration: Option<String>,
    pub(super) channel: Channel,
}

/// An id of the service's own, which becomes part of addresses.
pub(super) fn id(fields: &Object<'_>, name: &str) -> Result<String, Stop> {
    let id = fields::id(fields, name)?.ok_or_else(|| Stop::Unreadable(format!("`{name}` is blank")))?;
    if is_id(&id) { Ok(id) } else { Err(Stop::Unreadable(format!("`{name}` is no id"))) }
}

/// The object in a field.
pub(super) fn within<'a, 'b>(fields: &'a Object<'b>, name: &str) -> Option<&'a Object<'b>> {
    fields.get(name)?.as_object()
}

/// A time in a field.
pub(super) fn time(value: Option<&Json<'_>>) -> Option<Timestamp> {
    value?.as_str()?.parse().ok()
}
