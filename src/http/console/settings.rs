//! The pages of the settings in force, of their check, and of the mappings with previews. Never shows a secret and
//! never changes a setting.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::auth::Form;
use super::deliveries::parse_id;
use super::mask::Field;
use super::page::{Section, Shell, Trouble, html};
use super::preview::{self, Preview};
use super::session::Visitor;
use super::state::{Checked, Console, SettingsGroup};
use super::view;
use crate::domain::access::Role;
use crate::domain::event::EventId;
use crate::domain::operator::Seen;
use crate::http::OperatorState;
use crate::http::operator::{Query, actions};
use crate::mapping::{self, File, Mappings, Name};
use crate::store::DeliveryFilter;

/// Recent events that a preview offers.
const RECENT: usize = 20;

#[derive(Template)]
#[template(path = "console/settings.html")]
struct Settings {
    shell: Shell,
    checked: Option<Checked>,
    groups: Vec<SettingsGroup>,
    mappings: Vec<Tile>,
}

/// A mapping, or the words of notes in a language.
struct Tile {
    name: String,
    purpose: String,
    /// Whether a file of the operator's replaces the shipped one.
    is_own: bool,
    /// Whether the configuration uses it.
    is_used: bool,
}

/// `GET /console/settings`.
pub(super) async fn show(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Trouble> {
    let options = &state.console.options;
    let checked = match options.check.clone() {
        Some(check) => {
            let failed = |_| Trouble::new(StatusCode::SERVICE_UNAVAILABLE, "The check could not be made.");
            Some(tokio::task::spawn_blocking(move || check()).await.map_err(failed)?)
        }
        None => None,
    };
    let page = Settings {
        shell: Shell::new(&visitor, Section::Settings, "Settings"),
        checked,
        groups: options.settings.as_ref().map(|settings| settings.borrow().clone()).unwrap_or_default(),
        mappings: tiles(&state.console),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Every mapping, and the words of notes in every language.
fn tiles(console: &Console) -> Vec<Tile> {
    let (files, language) = (console.mapping_files(), console.language());
    let own = files.keys().filter_map(|file| mapping::language_of(file)).map(str::to_owned);
    let languages: BTreeSet<String> = mapping::shipped_languages().map(str::to_owned).chain(own).collect();
    let words = languages.into_iter().map(File::Words);
    let tile = |file: File| Tile {
        is_own: files.contains_key(&file.name()),
        is_used: match &file {
            File::Mapping(Name::TicketSolved) => console.options.campaigns.ticket_solved.is_some(),
            File::Mapping(_) => true,
            File::Words(of) => *of == language,
        },
        purpose: purpose(&file),
        name: file.to_string(),
    };
    Name::ALL.into_iter().map(File::Mapping).chain(words).map(tile).collect()
}

fn purpose(file: &File) -> String {
    let name = match file {
        File::Mapping(name) => name,
        File::Words(language) => return format!("What notes tell agents, in the language {language}"),
    };
    let purpose = match name {
        Name::OpenTicket => "A customer’s text opens a ticket",
        Name::AppendComment => "A customer’s text becomes a comment",
        Name::FollowUp => "A customer’s text opens a follow-up of a closed ticket",
        Name::AgentReply => "An agent’s reply becomes a text",
        Name::TicketSolved => "A solved ticket is told to the customer",
        Name::Template => "The customer is asked to write again",
        Name::FailureNote => "What went wrong is told to the agent",
        Name::KeywordNote => "A keyword is noted for the agent",
    };
    purpose.to_owned()
}

/// A recent event to choose.
struct Recent {
    id: String,
    shown: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "console/mapping.html")]
struct MappingPage {
    shell: Shell,
    name: String,
    purpose: String,
    recent: Vec<Recent>,
    /// The event of the preview; empty for the sample.
    event: String,
    /// Whether personal data in it is hidden.
    masked: bool,
    text: String,
    /// Whether the text differs from the one in force.
    tried: bool,
    faults: Vec<String>,
    preview: Option<Preview>,
    /// The words of notes; empty for a mapping.
    words: Vec<Field>,
    are_words: bool,
}

/// `GET /console/settings/mapping`: a preview of the mapping in force with its sample or an event.
pub(super) async fn mapping(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Result<Response, Trouble> {
    let mut query = Query::read(&uri, &["name", "event"])?;
    let (name, event) = (query.take("name"), query.take("event"));
    mapping_page(&state, &visitor, name.as_deref(), event.as_deref(), None).await
}

/// `POST /console/settings/mapping`: a preview of a text that an operator tries out. The text is not stored.
pub(super) async fn try_mapping(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Extension(form): Extension<Form>,
) -> Result<Response, Trouble> {
    let text = form.get("text").unwrap_or_default().replace("\r\n", "\n");
    mapping_page(&state, &visitor, form.get("name"), form.get("event"), Some(text)).await
}

async fn mapping_page(
    state: &OperatorState,
    visitor: &Visitor,
    name: Option<&str>,
    event: Option<&str>,
    tried: Option<String>,
) -> Result<Response, Trouble> {
    let unknown = || Trouble::bad("There is no such mapping.");
    let file: File = name.unwrap_or_default().parse().map_err(|_| unknown())?;
    let event = event.map(parse_id).transpose()?;
    let mut files = state.console.mapping_files();
    let in_force = files.get(&file.name()).cloned().or_else(|| file.shipped().map(str::to_owned));
    let in_force = in_force.ok_or_else(unknown)?;
    let text = tried.unwrap_or_else(|| in_force.clone());
    let has_seen = |id| visitor.may(Role::Act) && state.console.sessions.has_seen(visitor.session, &Seen::Event(id));
    let revealed = event.is_none_or(has_seen);
    let mut page = MappingPage {
        shell: Shell::new(visitor, Section::Settings, format!("Mapping {file}")),
        name: file.to_string(),
        purpose: purpose(&file),
        recent: Vec::new(),
        event: event.map(|id| id.to_string()).unwrap_or_default(),
        masked: !revealed,
        tried: text.trim() != in_force.trim(),
        text,
        faults: Vec::new(),
        preview: None,
        words: Vec::new(),
        are_words: matches!(file, File::Words(_)),
    };
    files.insert(file.name(), page.text.clone());
    let language = match &file {
        File::Mapping(_) => state.console.language(),
        File::Words(language) => language.clone(),
    };
    let mappings = compiled(&files, &language);
    if let File::Mapping(name) = file {
        page.recent = recent(state, name, event).await?;
        if let Ok(mappings) = &mappings {
            page.preview = previewed(state, mappings, name, event, revealed).await?;
        }
    } else if let Ok(mappings) = &mappings {
        page.words = preview::of_words(mappings);
    }
    page.faults = mappings.err().unwrap_or_default();
    Ok(html(StatusCode::OK, &page))
}

/// The mappings of these files, or all their faults.
fn compiled(files: &BTreeMap<String, String>, language: &str) -> Result<Mappings, Vec<String>> {
    let faults = |mapping::Faults(faults)| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mappings = Mappings::load(files).map_err(faults)?;
    mappings.in_language(language).map_err(|error| vec![format!("notes.language {error}")])
}

async fn previewed(
    state: &OperatorState,
    mappings: &Mappings,
    name: Name,
    event: Option<EventId>,
    reveal: bool,
) -> Result<Option<Preview>, Trouble> {
    let Some(id) = event else { return Ok(preview::of_sample(mappings, name)) };
    let (delivery, event) = actions::delivery(state, id).await?;
    let conversation = state.store.conversation(&delivery.conversation).await?;
    let context = preview::context(&state.console, mappings, name, &delivery, &event, conversation.as_ref());
    Ok(Some(match context {
        Ok(context) => preview::rendered(mappings, name, &context, reveal),
        Err(problem) => Preview::none(name, problem),
    }))
}

/// The newest events in the mapping's direction.
async fn recent(state: &OperatorState, name: Name, chosen: Option<EventId>) -> Result<Vec<Recent>, Trouble> {
    let now = state.clock.now();
    let mut newest = Vec::new();
    let calls = name.takes().traits().calls;
    for (account, _) in state.accounts.iter().filter(|(_, end)| **end == calls) {
        let filter =
            DeliveryFilter { account: Some(*account), newest_first: true, limit: RECENT, ..DeliveryFilter::default() };
        newest.extend(state.store.deliveries(filter).await?.items);
    }
    newest.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
    let listed = newest.iter().filter(|delivery| delivery.kind == name.takes()).take(RECENT);
    let recent = listed.map(|delivery| Recent {
        id: delivery.id.to_string(),
        shown: format!(
            "{}, {}, {}",
            view::moment(delivery.accepted_at, now).shown,
            view::kind(delivery.kind),
            delivery.conversation
        ),
        chosen: chosen == Some(delivery.id),
    });
    Ok(recent.collect())
}
