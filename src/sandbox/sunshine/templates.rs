//! WhatsApp templates: listed, made and removed by the first generation of the API, and held against the messages that name
//! one.
//!
//! A template has one record a language. Meta approves it, and the sandbox does when told. A message that names one which is
//! not approved, in another language, or with another number of parameters, is accepted and fails later.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::server::Request;
use super::api::{Outcome, Refusal, needed, ok};
use super::app::Inner;
use super::messages::around;
use super::model::{State, Template};

impl Inner {
    pub(super) fn message_templates(
        &self,
        state: &mut State,
        request: &Request,
        method: &str,
        integration: &str,
        path: &[&str],
        body: &Value,
    ) -> Outcome {
        // Seen as a 400, where the second generation answers 404.
        if state.integration(integration).is_none_or(|found| found.kind != "whatsapp") {
            return Err(Refusal::bad("Integration not found"));
        }
        match (method, path) {
            ("GET", []) => list(state, request, integration),
            ("POST", []) => {
                let (name, language) = (needed(body, "name")?.to_owned(), needed(body, "language")?.to_owned());
                let is_same = |template: &Template| {
                    (template.integration.as_str(), &template.name, &template.language)
                        == (integration, &name, &language)
                };
                if state.templates.iter().any(is_same) {
                    return Err(Refusal::bad("There is a template of this name and language"));
                }
                let template = Template {
                    id: self.id(),
                    integration: integration.to_owned(),
                    name,
                    language,
                    status: "PENDING".to_owned(),
                    category: needed(body, "category")?.to_owned(),
                    components: body["components"].clone(),
                };
                let shown = shown(&template);
                state.templates.push(template);
                ok(201, &json!({ "messageTemplate": shown }))
            }
            ("DELETE", [name]) => {
                state.templates.retain(|template| template.integration != integration || template.name != *name);
                ok(200, &json!({}))
            }
            _ => Err(Refusal::absent("not_found", "Resource")),
        }
    }
}

/// One page of the templates; the cursor is the id of its last one.
fn list(state: &State, request: &Request, integration: &str) -> Outcome {
    let is = |name: &str, value: &str| request.param(name).is_none_or(|wanted| wanted == value);
    let fits = |template: &&Template| {
        template.integration == integration && is("name", &template.name) && is("status", &template.status)
    };
    let limit = request.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(25_usize);
    let found: Vec<&Template> = state.templates.iter().filter(fits).collect();
    let start = match request.param("after") {
        None => 0,
        Some(after) => match found.iter().position(|template| template.id == after) {
            Some(place) => place.saturating_add(1),
            None => return Err(Refusal::bad("Invalid cursor")),
        },
    };
    let page: Vec<Value> = found.iter().skip(start).take(limit).map(|template| shown(template)).collect();
    let has_more = start.saturating_add(page.len()) < found.len();
    let after = page.last().filter(|_| has_more).map(|last| last["id"].clone());
    let before = page.first().filter(|_| start > 0).map(|first| first["id"].clone());
    ok(200, &json!({"messageTemplates": page, "before": before, "after": after}))
}

fn shown(template: &Template) -> Value {
    json!({"id": template.id, "name": template.name, "language": template.language, "status": template.status,
        "category": template.category, "components": template.components})
}

/// The text of a part of a template.
fn part<'a>(template: &'a Template, kind: &str) -> &'a str {
    let is_part = |part: &&Value| part["type"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(kind));
    let found = template.components.as_array().into_iter().flatten().find(is_part);
    found.and_then(|part| part["text"].as_str()).unwrap_or_default()
}

/// The places of a text for parameters.
fn places(text: &str) -> BTreeSet<&str> {
    let (mut places, mut rest) = (BTreeSet::new(), text);
    while let Some((_, place, after)) = around(rest, "{{", "}}") {
        places.insert(place.trim());
        rest = after;
    }
    places
}

/// The parameters of a part of a message: those of the plural `components`, as messages that are seen to arrive have it. The
/// published example writes the singular, under which nothing is looked for.
fn parameters(sent: &Value, kind: &str) -> Vec<Value> {
    let is_part = |part: &&Value| part["type"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(kind));
    let found = sent["components"].as_array().into_iter().flatten().find(is_part);
    found.and_then(|part| part["parameters"].as_array()).cloned().unwrap_or_default()
}

impl State {
    fn template(&self, integration: &str, sent: &Value) -> Option<&Template> {
        let is_meant = |template: &&Template| {
            template.integration == integration
                && sent["name"] == *template.name
                && sent["language"]["code"] == *template.language
        };
        self.templates.iter().find(is_meant)
    }

    /// Meta's code for a template that cannot go out.
    pub(super) fn unfit(&self, integration: &str, sent: &Value) -> Option<u32> {
        let Some(template) = self.template(integration, sent) else { return Some(132_001) };
        let is_miscounted = ["HEADER", "BODY"].iter().any(|kind| {
            places(part(template, kind)).len()
                != parameters(sent, kind).iter().filter(|one| one["type"] == "text").count()
        });
        let is_broken = ["HEADER", "BODY"].iter().flat_map(|kind| parameters(sent, kind)).any(|parameter| {
            let text = parameter["text"].as_str().unwrap_or_default();
            text.contains(['\n', '\t']) || text.contains("     ")
        });
        match template.status.as_str() {
            "APPROVED" if sent["language"]["policy"] != "deterministic" || is_broken => Some(132_012),
            "APPROVED" => is_miscounted.then_some(132_000),
            "PAUSED" => Some(132_015),
            "DISABLED" => Some(132_016),
            _ => Some(132_001),
        }
    }

    /// A template as the phone shows it: its body with the parameters in their places.
    pub(super) fn rendered(&self, integration: &str, sent: &Value) -> String {
        let Some(template) = self.template(integration, sent) else { return String::new() };
        let mut words = part(template, "BODY").to_owned();
        for (number, parameter) in (1..).zip(parameters(sent, "BODY")) {
            let place = parameter["parameter_name"].as_str().map_or_else(|| number.to_string(), str::to_owned);
            words = words.replace(&format!("{{{{{place}}}}}"), parameter["text"].as_str().unwrap_or_default());
        }
        words
    }
}
