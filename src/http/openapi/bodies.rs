//! The bodies of the bridge's own webhooks, for the description of the API. Never reads one: each vendor's source does.

use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};

/// An object of text fields: each with its name, its description and whether it is required.
pub(super) fn object(fields: &[(&str, &str, bool)]) -> Object {
    let object = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Object));
    let object = fields.iter().fold(object, |object, (name, about, needed)| {
        let field = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).description(Some(*about)).build();
        let object = object.property(*name, Schema::Object(field));
        if *needed { object.required(*name) } else { object }
    });
    object.build()
}

/// The body of an own trigger.
pub(super) fn zendesk_body() -> Schema {
    Schema::Object(object(&[
        ("event", "`agent_reply`, `ticket_solved` or `ticket_reopened`; any other is answered `ignored`.", true),
        ("ticket_id", "The ticket's number; may also come as a number.", true),
        ("comment_id", "Of an `agent_reply`: the comment's number. The bridge reads the ticket itself.", false),
        ("external_user_id", "The customer's external id, for a ticket that the bridge does not know.", false),
        ("text", "Only without `comment_id`: the text is forwarded as it stands.", false),
        ("agent_name", "Who wrote it.", false),
    ]))
}

/// The body of an own campaign.
pub(super) fn braze_body() -> Schema {
    Schema::Object(object(&[
        ("channel", "`sms`.", false),
        ("category", "`other`, a custom keyword's name, `opt_in`, `opt_out` or `help`.", false),
        ("group", "The subscription group that the customer wrote to.", false),
        ("campaign", "The campaign's id.", false),
        ("dispatch", "The dispatch's id, which tells a repeated webhook from a repeated text.", false),
        ("external_id", "The customer's external id. It or `braze_id` is needed.", false),
        ("braze_id", "The customer's Braze id.", false),
        ("phone", "The customer's phone number.", false),
        ("email", "The customer's e-mail address.", false),
        ("first_name", "The customer's given name.", false),
        ("last_name", "The customer's family name.", false),
        ("name", "WhatsApp: the name that the customer goes by there.", false),
        ("text", "The customer's text. It, `media`, `flow` or `product` is needed, but on WhatsApp.", false),
        ("flow", "WhatsApp: the answers of a form, as a JSON object.", false),
        ("product", "WhatsApp: the product that a question is about.", false),
        ("catalog", "WhatsApp: the catalog of that product.", false),
        ("media", "Links to pictures, with white space or a comma between them.", false),
    ]))
}
