//! The objects of an app, and the form in which the API and the webhooks show them. It never decides anything.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::options::{End, Linking, Text};

/// The most messages of a conversation.
const MESSAGES_MAX: usize = 30_000;

/// A time as the API writes it: `YYYY-MM-DDThh:mm:ss.SSSZ`.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Everything that the app knows.
pub(super) struct State {
    pub(super) users: Vec<User>,
    pub(super) conversations: Vec<Conversation>,
    pub(super) clients: Vec<Client>,
    pub(super) messages: Vec<Message>,
    pub(super) integrations: Vec<Integration>,
    pub(super) hooks: Vec<Hook>,
    pub(super) switchboard: Option<Switchboard>,
    pub(super) templates: Vec<Template>,
    pub(super) files: HashMap<String, File>,
    /// When a person last wrote on an integration, by the channel's clock.
    pub(super) heard: HashMap<(String, String), Timestamp>,
    /// The pairs of an integration and a person whose provider drops texts, as after STOP.
    pub(super) stopped: BTreeSet<(String, String)>,
    /// WhatsApp's own ids of people, by their numbers.
    pub(super) named: HashMap<String, String>,
    /// The people of whom no notification finds a user.
    pub(super) unmatched: BTreeSet<String>,
    /// Whether the events of notifications repeat the metadata.
    pub(super) repeats_metadata: bool,
    /// The notifications since a person's last message, by conversation.
    pub(super) recent: HashMap<String, Vec<Value>>,
    pub(super) texts: Vec<Text>,
    /// The conversations of which Zendesk's own messaging has opened a ticket.
    pub(super) native: Vec<String>,
    pub(super) end: End,
    pub(super) linking: Linking,
    /// How much later a message is listed.
    pub(super) lag: SignedDuration,
    pub(super) messages_max: usize,
    pub(super) calls_left: Option<u32>,
    /// Events that are not sent yet, each with the webhook that carries it.
    pub(super) pending: Vec<(String, Event)>,
    /// Whether events wait for those of further acts.
    pub(super) gathers: bool,
}

impl State {
    /// An app without users.
    pub(super) fn new(
        integrations: Vec<Integration>,
        hooks: Vec<Hook>,
        switchboard: Switchboard,
        templates: Vec<Template>,
    ) -> Self {
        Self {
            users: Vec::new(),
            conversations: Vec::new(),
            clients: Vec::new(),
            messages: Vec::new(),
            integrations,
            hooks,
            switchboard: Some(switchboard),
            templates,
            files: HashMap::new(),
            heard: HashMap::new(),
            stopped: BTreeSet::new(),
            named: HashMap::new(),
            unmatched: BTreeSet::new(),
            repeats_metadata: false,
            recent: HashMap::new(),
            texts: Vec::new(),
            native: Vec::new(),
            end: End::default(),
            linking: Linking::default(),
            lag: SignedDuration::ZERO,
            messages_max: MESSAGES_MAX,
            calls_left: None,
            pending: Vec::new(),
            gathers: false,
        }
    }

    pub(super) fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(super) fn conversation(&self, id: &str) -> Option<&Conversation> {
        self.conversations.iter().find(|conversation| conversation.id == id)
    }

    pub(super) fn conversation_mut(&mut self, id: &str) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|conversation| conversation.id == id)
    }

    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(super) fn client_mut(&mut self, id: &str) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.id == id)
    }

    pub(super) fn integration(&self, id: &str) -> Option<&Integration> {
        self.integrations.iter().find(|integration| integration.id == id)
    }

    /// The linked client of a person on an integration.
    pub(super) fn linked(&self, integration: &str, person: &str) -> Option<&Client> {
        let is_theirs = |client: &&Client| client.integration == integration && client.person == person;
        self.clients.iter().filter(is_theirs).find(|client| client.status != Status::Pending)
    }

    /// A member of the switchboard.
    pub(super) fn member(&self, id: &str) -> Option<&Member> {
        self.switchboard.iter().flat_map(|board| &board.members).find(|member| member.id == id)
    }

    /// A user as the API shows one.
    pub(super) fn shown_user(&self, id: &str) -> Value {
        self.user(id).map(User::shown).unwrap_or_default()
    }

    /// A conversation as webhooks show one.
    pub(super) fn truncated(&self, id: &str) -> Value {
        let Some(conversation) = self.conversation(id) else { return json!({"id": id, "type": "personal"}) };
        let mut shown = json!({"id": id, "type": "personal", "metadata": conversation.metadata});
        let members = [("active", &conversation.active), ("pending", &conversation.pending)];
        for (word, member) in members.into_iter().filter_map(|(word, id)| Some((word, self.member(id.as_deref()?)?))) {
            shown[format!("{word}SwitchboardIntegration")] = member.truncated();
        }
        shown
    }

    /// A conversation as the API shows one.
    pub(super) fn shown_conversation(&self, conversation: &Conversation) -> Value {
        let mut shown = self.truncated(&conversation.id);
        let more = json!({
            "isDefault": conversation.is_default,
            "displayName": conversation.fields["displayName"],
            "description": conversation.fields["description"],
            "iconUrl": conversation.fields["iconUrl"],
            "businessLastRead": conversation.read_at.map(stamp),
            "lastUpdatedAt": stamp(conversation.updated_at),
            "createdAt": stamp(conversation.created_at),
        });
        extend(&mut shown, more);
        shown
    }

    /// A client as the API and webhooks show one.
    pub(super) fn shown_client(&self, client: &Client) -> Value {
        let own = self.named.get(&client.person);
        let number = client.person.strip_prefix('+');
        let (external, is_chat) = match (own, number) {
            (Some(own), _) => (own.as_str(), true),
            (None, Some(digits)) if client.kind == "whatsapp" => (digits, true),
            (None, _) => (client.person.as_str(), client.kind == "whatsapp"),
        };
        let info = number.map_or_else(|| json!({}), |_| json!({"phoneNumber": client.person, "country": "US"}));
        let mut shown = json!({
            "id": client.id,
            "type": client.kind,
            "status": client.status.word(),
            "integrationId": client.integration,
            "externalId": external,
            "lastSeen": client.seen_at.map(stamp),
            "linkedAt": client.linked_at.map(stamp),
            "displayName": external,
            "avatarUrl": null,
            "info": info,
            "raw": if is_chat { json!({"from": external, "profile": {"name": "Someone"}}) } else { json!({"From": client.person}) },
        });
        if own.is_some() && number.is_some() {
            shown["additionalIdentifiers"] = json!([{"key": "phoneNumber", "value": client.person}]);
        }
        shown
    }
}

/// Adds the fields of one object to another.
pub(super) fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

pub(super) struct User {
    pub(super) id: String,
    pub(super) external_id: Option<String>,
    pub(super) signed_up_at: Value,
    pub(super) profile: Value,
    pub(super) metadata: Value,
}

impl User {
    pub(super) fn shown(&self) -> Value {
        json!({"id": self.id, "authenticated": false, "externalId": self.external_id, "signedUpAt": self.signed_up_at,
            "toBeRetained": false, "profile": self.profile, "metadata": self.metadata, "identities": []})
    }
}

pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) is_default: bool,
    pub(super) metadata: Value,
    /// The name, the description and the icon.
    pub(super) fields: Value,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) read_at: Option<Timestamp>,
    /// The switchboard integration in control.
    pub(super) active: Option<String>,
    /// The switchboard integration to which control is offered.
    pub(super) pending: Option<String>,
}

/// Whether a client can be reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Active,
    Blocked,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Blocked => "blocked",
        }
    }
}

/// A person on a channel.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) integration: String,
    pub(super) user: String,
    /// The conversation that it is attached to.
    pub(super) conversation: String,
    /// A number with its `+`, or WhatsApp's own id of a person who hides theirs.
    pub(super) person: String,
    pub(super) status: Status,
    pub(super) linked_at: Option<Timestamp>,
    pub(super) seen_at: Option<Timestamp>,
    /// Whether a pending link waits for the customer to do something.
    pub(super) awaits_activity: bool,
    pub(super) made_at: Timestamp,
}

pub(super) struct Message {
    pub(super) id: String,
    pub(super) conversation: String,
    /// As webhooks show it: the list leaves the client and the user out.
    pub(super) shown: Value,
    pub(super) received: Timestamp,
}

pub(super) struct Integration {
    pub(super) id: String,
    pub(super) kind: String,
    /// The name, and the fields of the type.
    pub(super) fields: Map<String, Value>,
    /// The switchboard integration that answers new conversations, where it is not the switchboard's default.
    pub(super) responder: Option<String>,
}

/// The generation of a webhook.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Of notifications.
    First,
    /// Of everything else.
    Second,
}

impl Version {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::First => "v1.1",
            Self::Second => "v2",
        }
    }
}

/// A webhook of the app.
pub(super) struct Hook {
    pub(super) id: String,
    pub(super) version: Version,
    /// The custom integration that it belongs to.
    pub(super) integration: String,
    /// An address, or a path at the bridge.
    pub(super) target: String,
    pub(super) triggers: Vec<String>,
    pub(super) secret: String,
    pub(super) full_user: bool,
    pub(super) full_source: bool,
}

/// The only switchboard of the app.
pub(super) struct Switchboard {
    pub(super) id: String,
    pub(super) enabled: bool,
    pub(super) default: Option<String>,
    pub(super) members: Vec<Member>,
}

/// A switchboard integration.
pub(super) struct Member {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) integration: String,
    pub(super) kind: String,
    /// Whether it hears events while another is in control.
    pub(super) on_standby: bool,
    pub(super) next: Option<String>,
    pub(super) history: Value,
}

impl Member {
    fn truncated(&self) -> Value {
        json!({"id": self.id, "name": self.name, "integrationId": self.integration, "integrationType": self.kind})
    }

    pub(super) fn shown(&self) -> Value {
        let mut shown = self.truncated();
        let more = json!({"deliverStandbyEvents": self.on_standby, "nextSwitchboardIntegrationId": self.next,
            "messageHistoryCount": self.history});
        extend(&mut shown, more);
        shown
    }
}

/// A WhatsApp template in one language.
pub(super) struct Template {
    pub(super) id: String,
    pub(super) integration: String,
    pub(super) name: String,
    pub(super) language: String,
    pub(super) status: String,
    pub(super) category: String,
    pub(super) components: Value,
}

/// An uploaded file, or one that a customer sent.
#[derive(Clone)]
pub(super) struct File {
    pub(super) kind: String,
    pub(super) bytes: bytes::Bytes,
}

/// Something that webhooks tell.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) at: Timestamp,
    pub(super) payload: Value,
}
