//! The description of both routers in OpenAPI 3.1: the webhooks and health on `listen`, the operator API on
//! `operator_listen`. Pages for people are not in it.
//!
//! The answers are the types of [`super::answers`]; the operations stand here, a row each. A test compares the document
//! with the routers, and the answers of a running bridge with the document. Never answers a request: it makes
//! `docs/openapi.json`.

use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterIn, PathsBuilder};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ComponentsBuilder, Object, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::server::{Server, ServerBuilder, ServerVariableBuilder};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ContentBuilder, InfoBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use self::bodies::{braze_body, object, zendesk_body};
use self::parameters::{
    ANYTHING, DELIVERY_OR_NONE, account, after, by, conversation, destination, few, flag, id, key, limit, newest,
    parameter, phone, state, sweep, text, ticket, time, words,
};
use super::answers::{
    Acknowledgement, AuditEntry, Batch, Conversation, ConversationWithCustomer, Delivery, DeliveryWithEvent,
    DestinationStanding, Error, Finds, Forgotten, Health, Inbound, Page, Readiness, Step, UnboundReport, VendorAnswer,
    VendorAnswers,
};
use crate::domain::delivery::StateName;

mod bodies;
mod parameters;

const JSON: &str = "application/json";

/// The document.
#[must_use]
pub fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    for route in webhooks().into_iter().chain(health()).chain(numbers()).chain(deliveries()).chain(operator()) {
        paths = paths.path(route.path, utoipa::openapi::PathItem::new(route.method, route.operation));
    }
    let tags = [
        ("webhooks", "On `listen`: the webhooks of Zendesk and the carriers."),
        ("recipe", "On `listen`: the same in the published recipe's own bodies, for teams that come from it."),
        ("health", "On both listeners: for containers and load balancers."),
        ("operator", "On `operator_listen`: shows and moves deliveries and conversations. Never public."),
    ];
    let tags = tags.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    let info = InfoBuilder::new().title("tandem").version(env!("CARGO_PKG_VERSION")).description(Some(ABOUT)).build();
    let mut document = OpenApi::new(info, paths.build());
    document.servers = Some(vec![server("operator_listen", "127.0.0.1:8081")]);
    document.components = Some(components());
    document.tags = Some(tags.into());
    document
}

const ABOUT: &str = "The webhooks that tandem takes, and the API of its operator. Every refusal has the form \
    `{\"error\": \"…\"}`, no answer is in 3xx, and a 503 has `Retry-After` between 5 and 55 seconds.";

/// A listener, by its key in the configuration.
fn server(key: &str, address: &str) -> Server {
    let variable = ServerVariableBuilder::new().default_value(address).description(Some("Where it listens."));
    ServerBuilder::new()
        .url(format!("http://{{{key}}}"))
        .description(Some(format!("`{key}`")))
        .parameter(key, variable)
        .build()
}

fn public() -> Server {
    server("listen", "127.0.0.1:8080")
}

fn components() -> utoipa::openapi::Components {
    let components = ComponentsBuilder::new();
    let components = with::<Acknowledgement>(with::<Error>(with::<Health>(with::<Readiness>(components))));
    let components = with::<DeliveryWithEvent>(with::<Delivery>(with_page::<Delivery>(components)));
    let components = with::<ConversationWithCustomer>(with::<Conversation>(with_page::<Conversation>(components)));
    let components = with::<DestinationStanding>(with_page::<DestinationStanding>(components));
    let components = with::<AuditEntry>(with_page::<AuditEntry>(components));
    let components = with::<Finds>(with::<Forgotten>(with::<Inbound>(with::<Step>(components))));
    let components = with::<VendorAnswers>(with::<VendorAnswer>(components));
    let components = with::<Batch>(with::<UnboundReport>(with_page::<UnboundReport>(components)));
    let header =
        |name: &str, about: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, about)));
    components
        .schema("ZendeskWebhook", zendesk_body())
        .schema("BrazeWebhook", braze_body())
        .schema("Reason", reason_body())
        .schema("PauseTerms", pause_body())
        .schema("Arrived", arrived_body())
        .security_scheme("operatorToken", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("brazeToken", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("carrierProof", header("webhook-signature", "Or as the page of the carrier says."))
        .security_scheme(
            "zendeskSignature",
            header(
                "X-Zendesk-Webhook-Signature",
                "Base64 of the HMAC-SHA256 over `X-Zendesk-Webhook-Signature-Timestamp` and the raw body.",
            ),
        )
        .build()
}

/// Adds a type, and the types of its fields.
fn with<T: ToSchema>(components: ComponentsBuilder) -> ComponentsBuilder {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    components.schema_from::<T>().schemas_from_iter(parts)
}

fn with_page<T: ToSchema>(components: ComponentsBuilder) -> ComponentsBuilder {
    components.schema(page_name::<T>(), Page::<T>::schema())
}

fn page_name<T: ToSchema>() -> String {
    format!("{}Page", T::name())
}

// ------------------------------------------------------------------------------------------------------- operations

/// One operation at its place.
struct Route {
    method: HttpMethod,
    path: &'static str,
    operation: OperationBuilder,
}

impl Route {
    fn new(method: HttpMethod, path: &'static str, tag: &str, id: &str, summary: &str) -> Self {
        let operation = OperationBuilder::new().tag(tag).operation_id(Some(id)).summary(Some(summary));
        Self { method, path, operation }
    }

    fn with(self, change: impl FnOnce(OperationBuilder) -> OperationBuilder) -> Self {
        Self { operation: change(self.operation), ..self }
    }

    fn about(self, description: &str) -> Self {
        self.with(|operation| operation.description(Some(description)))
    }

    /// Sets the listeners, where `operator_listen` is not the only one.
    fn at(self, servers: impl IntoIterator<Item = Server>) -> Self {
        self.with(|operation| operation.servers(Some(servers)))
    }

    fn takes(self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.with(|operation| parameters.into_iter().fold(operation, OperationBuilder::parameter))
    }

    fn reads(self, body: RequestBody) -> Self {
        self.with(|operation| operation.request_body(Some(body)))
    }

    fn guarded(self, scheme: &str) -> Self {
        self.with(|operation| operation.security(SecurityRequirement::new(scheme, [] as [&str; 0])))
    }

    fn answers(self, status: &str, about: &str, schema: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        let response = ResponseBuilder::new().description(about).content(JSON, content).build();
        self.with(|operation| operation.response(status, response))
    }

    fn refuses(self, answers: &[(&str, &str)]) -> Self {
        answers.iter().fold(self, |route, (status, about)| route.answers(status, about, "Error"))
    }
}

fn webhook(method: HttpMethod, path: &'static str, id: &str, summary: &str, guard: &str) -> Route {
    let tag = if path.starts_with("/webhooks/") { "webhooks" } else { "recipe" };
    Route::new(method, path, tag, id, summary)
        .at([public()])
        .guarded(guard)
        .answers("202", "Its outcome. An accepted webhook is on disk, synced, before the answer.", "Acknowledgement")
        .refuses(&[
            ("401", "Not authentic, or too old: the same words for every cause."),
            ("413", "The body is over 256 KiB."),
            ("503", "It cannot be taken now. Come again after `Retry-After`."),
        ])
}

fn webhooks() -> Vec<Route> {
    let (post, put) = (|| HttpMethod::Post, HttpMethod::Put);
    let recipe = || body("The published recipe's body.", JSON, Schema::Object(anything()));
    let send = |path, id| {
        webhook(post(), path, id, "Takes a trigger's body of the published recipe.", "zendeskSignature").reads(recipe())
    };
    let ticket = |path, id| {
        webhook(post(), path, id, "Takes the recipe's campaign that opens a ticket.", "brazeToken").reads(recipe())
    };
    let ticket_id = "The ticket's number from the customer's attribute, with or without `.json`.";
    vec![
        webhook(post(), "/webhooks/{account}", "webhook", "Takes the webhooks of one account.", "zendeskSignature")
            .guarded("brazeToken")
            .guarded("carrierProof")
            .takes([account()])
            .about(
                "A Zendesk account's triggers sign their event. A Braze account's webhook campaigns present their token, also as the \
                 password of `Basic` or in `X-Tandem-Token`, with a customer's text or keyword. A further carrier proves itself and \
                 writes its events in its own way; a sender that never repeats a 401 gets a 503 in its place. A name that is no \
                 account's is answered as any unknown path.",
            )
            .reads(
                RequestBodyBuilder::new()
                    .description(Some("An event on a ticket; a customer's text, as a form or as a flat JSON object; or a carrier's own event."))
                    .required(Some(Required::True))
                    .content("application/x-www-form-urlencoded", content(Ref::from_schema_name("BrazeWebhook")))
                    .content(JSON, content(a_webhook()))
                    .build(),
            ),
        Route::new(post(), "/webhooks/{account}/currents", "webhooks", "currents", "Takes a batch of Braze Currents.")
            .at([public()])
            .takes([account()])
            .guarded("brazeToken")
            .about("The account is a Braze account, and the token one of its `currents_tokens`. No batch is refused for what stands in it.")
            .reads(body("`events`: the events, of which those about texts are read.", JSON, Schema::Object(anything())))
            .answers("200", "The batch is on disk, synced.", "Batch")
            .refuses(&[
                ("401", "Not authentic: the same words for every cause."),
                ("413", "The body is over 1 MiB."),
                ("503", "It cannot be taken now. Come again after `Retry-After`."),
            ]),
        send("/campaigns/trigger/send", "recipeSend"),
        send("/campaign/trigger/send", "recipeSendAsSpeltOnce"),
        ticket("/api/v2/tickets", "recipeNewTicket"),
        ticket("/api/v2/tickets.json", "recipeNewTicketJson"),
        webhook(put, "/api/v2/tickets/{id}", "recipeAppend", "Takes the recipe's campaign that appends.", "brazeToken")
            .takes([parameter("id", ParameterIn::Path, ticket_id, text())])
            .reads(recipe()),
        webhook(
            HttpMethod::Put,
            "/api/v2/tickets/",
            "recipeAppendToNothing",
            "Takes the same from a customer who has no ticket yet.",
            "brazeToken",
        )
        .reads(recipe()),
    ]
}

fn health() -> Vec<Route> {
    vec![
        Route::new(HttpMethod::Get, "/healthz", "health", "healthz", "Whether the process lives.")
            .at([public(), server("operator_listen", "127.0.0.1:8081")])
            .answers("200", "It does.", "Health"),
        Route::new(HttpMethod::Get, "/readyz", "health", "readyz", "Whether the next webhook would be taken.")
            .at([public(), server("operator_listen", "127.0.0.1:8081")])
            .answers("200", "It would.", "Readiness")
            .answers("503", "It would not, and why.", "Readiness"),
    ]
}

fn operation(method: HttpMethod, path: &'static str, id: &str, summary: &str) -> Route {
    Route::new(method, path, "operator", id, summary).guarded("operatorToken").refuses(&[
        ("401", "The token is wrong or missing."),
        (
            "403",
            "The operator's role does not allow it, the name is another's, or the request comes from another site.",
        ),
        ("429", "The token is wrong, and so were ten of this address in the last minute. A right token is let in."),
    ])
}

/// An operation that reads parameters or a body, and needs the store.
fn asked(method: HttpMethod, path: &'static str, id: &str, summary: &str) -> Route {
    operation(method, path, id, summary)
        .refuses(&[("400", "The request makes no sense; the answer says why."), ("503", "The store cannot serve now.")])
}

/// The numbers that an operator watches.
fn numbers() -> [Route; 3] {
    let metrics = operation(HttpMethod::Get, "/metrics", "metrics", "Shows the metrics.")
        .about("OpenMetrics where the request accepts `application/openmetrics-text`, else Prometheus' text format.");
    [
        metrics.with(|operation| {
            let page = ContentBuilder::new().schema(Some(text())).build();
            operation
                .response("200", ResponseBuilder::new().description("The page.").content("text/plain", page).build())
        }),
        operation(
            HttpMethod::Get,
            "/api/inbound",
            "showInbound",
            "Shows the account of webhooks: when last, how often, refusals.",
        )
        .answers("200", "The account of webhooks.", "Inbound"),
        asked(
            HttpMethod::Get,
            "/api/reports",
            "listReports",
            "Lists Currents' reports that fit no text, newest first.",
        )
        .takes([after("^[0-9]{0,19}$"), limit()])
        .answers("200", "A page.", &page_name::<UnboundReport>()),
    ]
}

const NO_SUCH: [(&str, &str); 1] = [("404", "There is none of that name.")];

const NO_MOVE: [(&str, &str); 2] = [NO_SUCH[0], ("409", "Its state does not allow the move.")];

fn deliveries() -> Vec<Route> {
    let (get, post) = (|| HttpMethod::Get, || HttpMethod::Post);
    vec![
        asked(get(), "/api/deliveries", "listDeliveries", "Lists deliveries, oldest first.")
            .takes([state("Only this state.", &StateName::ALL, false), conversation()])
            .takes([ticket("Only those of this ticket's conversation."), phone("Only those of these customers.")])
            .takes([destination(ParameterIn::Query, "Only deliveries to this vendor.")])
            .takes([time("since", "Only those accepted then or later"), time("until", "Only those accepted before")])
            .takes([flag("doorbells", "Whether answered doorbells are listed.", true), newest(false)])
            .takes([after(DELIVERY_OR_NONE), limit()])
            .answers("200", "A page.", &page_name::<Delivery>()),
        asked(post(), "/api/deliveries/redrive", "redriveAll", "Puts all back that match: one step.")
            .about(STEPS)
            .takes(sweep(&StateName::REDRIVEN))
            .answers("200", "The step's result.", "Step"),
        asked(post(), "/api/deliveries/discard", "discardAll", "Drops all that match: one step.")
            .about(STEPS)
            .takes(sweep(&StateName::DISCARDED))
            .reads(reason())
            .answers("200", "The step's result.", "Step"),
        asked(get(), "/api/deliveries/{id}", "showDelivery", "Shows a delivery with its event.")
            .takes([id()])
            .answers("200", "The delivery.", "DeliveryWithEvent")
            .refuses(&NO_SUCH),
        asked(post(), "/api/deliveries/{id}/redrive", "redrive", "Puts a delivery back; reads a kept body again.")
            .takes([id(), by()])
            .answers("200", "The delivery, as it stands then.", "Delivery")
            .refuses(&NO_MOVE),
        asked(post(), "/api/deliveries/{id}/discard", "discard", "Drops a delivery for good.")
            .takes([id(), by()])
            .reads(reason())
            .answers("200", "The delivery, as it stands then.", "Delivery")
            .refuses(&NO_MOVE),
        asked(post(), "/api/deliveries/{id}/settle", "settle", "Settles an unconfirmed delivery that did arrive.")
            .about(SETTLES)
            .takes([id(), by()])
            .reads(arrived())
            .answers("200", "The delivery, as it stands then.", "Delivery")
            .refuses(&NO_MOVE),
        asked(post(), "/api/deliveries/{id}/answers", "showAnswers", "Shows the vendor's answers to failed attempts.")
            .about("A `POST`, because an answer may repeat a customer's words, so the audit records the reader.")
            .takes([id(), by()])
            .answers("200", "The answers.", "VendorAnswers")
            .refuses(&NO_SUCH),
    ]
}

fn operator() -> Vec<Route> {
    let (get, post) = (|| HttpMethod::Get, || HttpMethod::Post);
    vec![
        asked(get(), "/api/conversations", "listConversations", "Lists conversations in the order of their keys.")
            .about(
                "With `ticket`, `phone` or `newest`, from the one with the newest delivery to the one with the oldest.",
            )
            .takes([ticket("Only the one that this ticket belongs to."), phone("Only those of these customers.")])
            .takes([newest(false), after(ANYTHING), limit()])
            .answers("200", "A page.", &page_name::<Conversation>()),
        asked(get(), "/api/conversation", "showConversation", "Shows a conversation with the customer's particulars.")
            .takes([key()])
            .answers("200", "The conversation.", "ConversationWithCustomer")
            .refuses(&NO_SUCH),
        asked(get(), "/api/find", "find", "Finds deliveries and people by words, under each meaning, newest first.")
            .takes([words(), few()])
            .answers("200", "The finds.", "Finds"),
        asked(post(), "/api/conversation/forget", "forget", "Erases a customer.")
            .takes([key(), by()])
            .answers("200", "The numbers of erased records.", "Forgotten")
            .refuses(&NO_SUCH),
        operation(get(), "/api/destinations", "listDestinations", "Lists the two vendors.").answers(
            "200",
            "Both.",
            &page_name::<DestinationStanding>(),
        ),
        asked(post(), "/api/destinations/{destination}/pause", "pause", "Calls a vendor no more until its pause ends.")
            .about("The body may be left out. On a paused vendor it replaces reason and end; without it the end goes.")
            .takes([destination(ParameterIn::Path, "The vendor."), by()])
            .reads(pause_terms())
            .answers("200", "How the vendor stands then.", "DestinationStanding")
            .refuses(&NO_SUCH),
        asked(post(), "/api/destinations/{destination}/resume", "resume", "Calls a vendor again.")
            .takes([destination(ParameterIn::Path, "The vendor."), by()])
            .answers("200", "How the vendor stands then.", "DestinationStanding")
            .refuses(&NO_SUCH),
        asked(get(), "/api/audit", "listOrders", "Lists the operators' orders, newest first.")
            .takes([after("^[0-9]{0,19}$"), limit()])
            .answers("200", "A page.", &page_name::<AuditEntry>()),
    ]
}

const SETTLES: &str = "For an operator who has seen on the phone or the ticket that the message arrived. The delivery \
    ends as `delivered`, nothing is sent, and an agent who was told that it may not have arrived is told that it did. \
    A long reply with parts after the part in doubt goes back to its lane: they are sent, and it is `delivered` with \
    the last of them. `agent_reply` and `ticket_reopened` only read, so they are answered 409: put them back.";

const STEPS: &str = "An order over many is carried out in steps: each request moves up to 256, is durable when it is \
    answered, and says where the next one begins. Repeat it with `next` as `after`, and with `accepted_by` from the \
    answer, until `next` is null.";

// ----------------------------------------------------------------------------------------------------------- bodies

fn anything() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .build()
}

fn content(schema: impl Into<RefOr<Schema>>) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(schema)).build()
}

fn body(about: &str, kind: &str, schema: impl Into<RefOr<Schema>>) -> RequestBody {
    let body = RequestBodyBuilder::new().description(Some(about)).required(Some(Required::True));
    body.content(kind, content(schema)).build()
}

fn a_webhook() -> Schema {
    let bodies = AnyOfBuilder::new().item(Ref::from_schema_name("ZendeskWebhook"));
    Schema::AnyOf(bodies.item(Ref::from_schema_name("BrazeWebhook")).item(anything()).build())
}

fn reason() -> RequestBody {
    body("Why.", JSON, Ref::from_schema_name("Reason"))
}

fn arrived() -> RequestBody {
    let about = "How much of it arrived. Without a body, the part in doubt did.";
    let body = RequestBodyBuilder::new().description(Some(about)).required(Some(Required::False));
    body.content(JSON, content(Ref::from_schema_name("Arrived"))).build()
}

fn arrived_body() -> Schema {
    let about = "How many of its parts are on the phone in all, including the parts that tandem knows to be sent.";
    let parts = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer)).description(Some(about));
    let parts = Schema::Object(parts.minimum(Some(1)).build());
    Schema::Object(ObjectBuilder::new().schema_type(SchemaType::Type(Type::Object)).property("parts", parts).build())
}

fn pause_terms() -> RequestBody {
    let body = RequestBodyBuilder::new().description(Some("Why, and until when.")).required(Some(Required::False));
    body.content(JSON, content(Ref::from_schema_name("PauseTerms"))).build()
}

fn pause_body() -> Schema {
    Schema::Object(object(&[
        ("reason", "Why, in up to 200 characters; shown to operators while the pause lasts.", false),
        ("until", "When the pause ends by itself: a time that lies ahead.", false),
    ]))
}

fn reason_body() -> Schema {
    let about = "Why, in up to 500 characters, not blank; kept with it.";
    let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).description(Some(about));
    let text = text.min_length(Some(1)).pattern(Some("\\S")).build();
    let object =
        ObjectBuilder::new().schema_type(SchemaType::Type(Type::Object)).property("reason", Schema::Object(text));
    Schema::Object(object.required("reason").build())
}
