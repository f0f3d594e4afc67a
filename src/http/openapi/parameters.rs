//! The parameters of the operations, a function each.
//!
//! Describes a parameter and never reads one: [`crate::http::operator`] does.

use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};

use crate::domain::delivery::StateName;

pub(super) fn parameter(name: &str, place: ParameterIn, about: &str, schema: Object) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    parameter.description(Some(about)).schema(Some(Schema::Object(schema))).build()
}

pub(super) fn state(about: &str, states: &[StateName], needed: bool) -> Parameter {
    let words = states.iter().map(|state| state.word());
    let words = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(words));
    let mut parameter = parameter("state", ParameterIn::Query, about, words.build());
    parameter.required = if needed { Required::True } else { Required::False };
    parameter
}

pub(super) fn account() -> Parameter {
    parameter(
        "account",
        ParameterIn::Path,
        "The account's name: `zendesk`, `braze`, or that of an `[accounts.NAME]`.",
        text(),
    )
}

pub(super) fn conversation() -> Parameter {
    parameter("conversation", ParameterIn::Query, "Only this conversation's.", text())
}

pub(super) fn ticket(about: &str) -> Parameter {
    parameter("ticket", ParameterIn::Query, about, like("^#?[0-9]{0,19}$"))
}

pub(super) fn phone(about: &str) -> Parameter {
    let about = format!("{about} A number in any form, or the last two digits of one or more.");
    parameter("phone", ParameterIn::Query, &about, text())
}

pub(super) fn time(name: &str, about: &str) -> Parameter {
    let about = format!("{about}: a time in RFC 3339, or an age such as `90m`, `1h` or `2d`.");
    parameter(name, ParameterIn::Query, &about, text())
}

pub(super) fn flag(name: &str, about: &str, unless_said: bool) -> Parameter {
    let flag = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Boolean)).default(Some(unless_said.into()));
    parameter(name, ParameterIn::Query, about, flag.build())
}

pub(super) fn newest(unless_said: bool) -> Parameter {
    flag("newest", "From the newest to the oldest.", unless_said)
}

pub(super) fn words() -> Parameter {
    let about = "The end of a phone number or a whole one, a name, a customer's id, a ticket with or without `#`, an \
        `evt_…` id or a carrier's id of a text.";
    let mut words = parameter("words", ParameterIn::Query, about, some_text());
    words.required = Required::True;
    words
}

pub(super) fn few() -> Parameter {
    let number = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer));
    let number = number.minimum(Some(1)).maximum(Some(50)).default(Some(10.into()));
    parameter("limit", ParameterIn::Query, "At most this many people of each meaning.", number.build())
}

/// A delivery's id, or an empty text for the first page.
pub(super) const DELIVERY_OR_NONE: &str = "^(evt_[0-9a-f]{24})?$";

/// A conversation's key, which is the brand's own name of a customer and has no fixed form.
pub(super) const ANYTHING: &str = "";

pub(super) fn after(pattern: &str) -> Parameter {
    let cursor = if pattern == ANYTHING { text() } else { like(pattern) };
    parameter("after", ParameterIn::Query, "Go on after this: the `next` of the page before.", cursor)
}

pub(super) fn limit() -> Parameter {
    let number = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer));
    let number = number.minimum(Some(1)).maximum(Some(500)).default(Some(50.into()));
    parameter("limit", ParameterIn::Query, "At most this many items.", number.build())
}

pub(super) fn sweep(states: &[StateName]) -> Vec<Parameter> {
    let accepted_by = "Only those accepted by this time; by default, now.";
    vec![
        state("Those in this state.", states, true),
        conversation(),
        parameter("accepted_by", ParameterIn::Query, accepted_by, text()),
        after(DELIVERY_OR_NONE),
        by(),
    ]
}

pub(super) fn id() -> Parameter {
    parameter("id", ParameterIn::Path, "The delivery's name: `evt_…`.", like("^evt_[0-9a-f]{24}$"))
}

pub(super) fn key() -> Parameter {
    let mut key = parameter("key", ParameterIn::Query, "The conversation's key.", some_text());
    key.required = Required::True;
    key
}

pub(super) fn destination(place: ParameterIn, about: &str) -> Parameter {
    parameter("destination", place, about, like("^[a-z0-9]+(-[a-z0-9]+)*$"))
}

pub(super) fn by() -> Parameter {
    let about = "Who you are, for the audit: a handle of letters, digits, dots, hyphens and underscores. A token of your own \
        says it already; another name beside it is refused.";
    // At least one letter, and 64 characters at most.
    parameter("X-Tandem-By", ParameterIn::Header, about, like("^(?=.*[A-Za-z])[A-Za-z0-9._-]{1,64}$"))
}

pub(super) fn text() -> Object {
    Object::with_type(Type::String)
}

/// A text that is not blank.
pub(super) fn some_text() -> Object {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).min_length(Some(1)).build()
}

/// A text of this form.
pub(super) fn like(pattern: &str) -> Object {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).pattern(Some(pattern)).build()
}
