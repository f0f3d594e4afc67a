//! The WhatsApp templates of an integration, as the first generation of the API lists them, and the message of one. A template
//! goes only where it is listed, approved, in that language, and with as many parameters as it has places.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::domain::cause::FOR_OPERATORS;
use crate::ports::Failure;
use crate::vendors::http::exchange::Request;
use crate::vendors::sunshine::client::Sunshine;
use crate::vendors::sunshine::limits;
use crate::vendors::sunshine::shorthand::Wanted;

/// The most templates on a page.
const PAGE: &str = "100";

/// The most pages of one list: more than an account may have templates.
const PAGES_MAX: usize = 100;

/// The language that the service takes where none is asked for.
const LANGUAGE: &str = "en_US";

/// The longest name, and the most languages, that a cause repeats.
const NAME_MAX: usize = 60;
const LANGUAGES_MAX: usize = 5;

const APPROVED: &str = "APPROVED";

impl Sunshine {
    /// The content of the message of a template, checked against the list.
    ///
    /// # Errors
    /// As for every read; [`Failure::GiveUp`] where the template cannot go.
    pub(super) async fn template(&self, integration: &str, wanted: &Wanted) -> Result<Value, Failure> {
        let listed = self.templates(integration, &wanted.name).await?;
        content(&listed, wanted).map_err(|cause| Failure::GiveUp { cause })
    }

    /// Why a template that is to go without parameters cannot go; `None` where it can.
    ///
    /// # Errors
    /// As for every read.
    pub(super) async fn template_fault(&self, integration: &str, wanted: &Wanted) -> Result<Option<String>, Failure> {
        let listed = self.templates(integration, &wanted.name).await?;
        Ok(match choose(&listed, wanted) {
            Ok(template) => {
                check(template, wanted).err().map(|_| format!("{} needs parameters, which no line gives", wanted.name))
            }
            Err(cause) => Some(cause),
        })
    }

    async fn templates(&self, integration: &str, name: &str) -> Result<Vec<Value>, Failure> {
        let path = format!("/v1.1/apps/{}/integrations/{integration}/messageTemplates", self.app_id);
        let (mut found, mut after) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let mut request = Request::get(limits::READ, path.clone()).query("limit", PAGE).query("name", name);
            if let Some(after) = after.take() {
                request = request.query("after", after);
            }
            let (answer, mut json) = self.call(&request).await?;
            let Value::Array(page) = json["messageTemplates"].take() else {
                return Err(self.exchange.unreadable(&request, &answer, "no list"));
            };
            found.extend(page.into_iter().filter(|template| template["name"] == name));
            match json["after"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(found)
    }
}

/// The content of the message; or why the template cannot go, in words for the agent.
fn content(listed: &[Value], wanted: &Wanted) -> Result<Value, String> {
    let template = choose(listed, wanted)?;
    check(template, wanted)?;
    let mut components = Vec::new();
    let texts =
        |texts: &[String]| -> Vec<Value> { texts.iter().map(|text| json!({"type": "text", "text": text})).collect() };
    match &wanted.header {
        Some((kind, link)) => {
            let parameter =
                Map::from_iter([("type".to_owned(), json!(kind)), ((*kind).to_owned(), json!({ "link": link }))]);
            components.push(json!({"type": "header", "parameters": [parameter]}));
        }
        None if !wanted.header_texts.is_empty() => {
            components.push(json!({"type": "header", "parameters": texts(&wanted.header_texts)}));
        }
        None => {}
    }
    if !wanted.body_texts.is_empty() {
        components.push(json!({"type": "body", "parameters": texts(&wanted.body_texts)}));
    }
    components.extend(wanted.buttons.iter().map(|(index, end)| {
        json!({"type": "button", "sub_type": "url", "index": index, "parameters": [{"type": "text", "text": end}]})
    }));
    let language = json!({"policy": "deterministic", "code": template["language"]});
    let mut template = json!({"name": wanted.name, "language": language, "components": components});
    if let Some(namespace) = &wanted.namespace {
        template["namespace"] = json!(namespace);
    }
    Ok(json!({"type": "template", "template": template}))
}

/// The record of the template in the language that is asked for: that one, the only one of its tongue, or the only one.
fn choose<'a>(listed: &'a [Value], wanted: &Wanted) -> Result<&'a Value, String> {
    let name: String = wanted.name.chars().take(NAME_MAX).collect();
    let language = |template: &Value| template["language"].as_str().unwrap_or_default().replace('-', "_");
    let only = |fits: &dyn Fn(&str) -> bool| {
        let mut fitting = listed.iter().filter(|template| fits(&language(template).to_lowercase()));
        fitting.next().filter(|_| fitting.next().is_none())
    };
    let chosen = match &wanted.language {
        Some(asked) => {
            let asked = asked.replace('-', "_").to_lowercase();
            let tongue = format!("{asked}_");
            only(&|language| language == asked).or_else(|| only(&|language| language.starts_with(&tongue)))
        }
        None => only(&|_| true).or_else(|| only(&|language| language == LANGUAGE.to_lowercase())),
    };
    let Some(chosen) = chosen else {
        let languages: BTreeSet<String> = listed.iter().map(language).collect();
        let languages: Vec<String> = languages.into_iter().take(LANGUAGES_MAX).collect();
        return Err(match languages.is_empty() {
            true => format!("the channel lists no template {name}; {FOR_OPERATORS}: have it made and approved"),
            false => {
                format!("the template {name} is there in {} only: name one of these languages", languages.join(", "))
            }
        });
    };
    match chosen["status"].as_str().unwrap_or_default() {
        APPROVED => Ok(chosen),
        _ => Err(format!("the template {name} is not approved; {FOR_OPERATORS}: see its state at the channel")),
    }
}

/// Whether the parameters fit the places.
fn check(template: &Value, wanted: &Wanted) -> Result<(), String> {
    let component = |kind: &str| {
        let components = template["components"].as_array().into_iter().flatten();
        components.into_iter().find(|one| one["type"].as_str().is_some_and(|told| told.eq_ignore_ascii_case(kind)))
    };
    let places = |component: Option<&Value>| component.and_then(|one| one["text"].as_str()).map_or(0, places);
    let header = component("HEADER");
    for (what, has, given) in [
        ("body", places(component("BODY")), wanted.body_texts.len()),
        ("header", places(header), wanted.header_texts.len()),
        ("buttons", buttons(component("BUTTONS")), wanted.buttons.len()),
    ] {
        if has != given {
            return Err(format!("the {what} of the template has {has} places, and the shorthand fills {given}"));
        }
    }
    let format = header.and_then(|header| header["format"].as_str()).unwrap_or("TEXT").to_lowercase();
    let given = wanted.header.as_ref().map_or("text", |(kind, _)| kind);
    if format != given {
        return Err(format!(
            "the header of the template is of the kind {}, and the shorthand has {given}",
            known(&format)
        ));
    }
    Ok(())
}

fn known(format: &str) -> &'static str {
    ["text", "image", "video", "document", "location"].into_iter().find(|known| *known == format).unwrap_or("another")
}

/// How many different places a text has for parameters.
fn places(text: &str) -> usize {
    let places = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    places.map(|(place, _)| place.trim()).collect::<BTreeSet<_>>().len()
}

/// How many buttons have an address with a place in it.
fn buttons(component: Option<&Value>) -> usize {
    let buttons = component.and_then(|one| one["buttons"].as_array()).into_iter().flatten();
    buttons.into_iter().filter(|button| button["url"].as_str().is_some_and(|url| url.contains("{{"))).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendors::sunshine::shorthand;

    fn listed(name: &str, language: &str, status: &str, components: Value) -> Value {
        json!({"id": "t", "name": name, "language": language, "status": status, "components": components})
    }

    fn order(language: &str, status: &str) -> Value {
        listed(
            "order",
            language,
            status,
            json!([
                {"type": "HEADER", "format": "IMAGE"},
                {"type": "BODY", "text": "Hi {{1}}, order {{2}} is out, {{1}}."},
                {"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://x.example/{{1}}"}, {"type": "QUICK_REPLY"}]},
            ]),
        )
    }

    fn wanted(more: &str) -> Wanted {
        shorthand::read(&format!("&((template=[[order]] {more}))&")).unwrap()
    }

    const WHOLE: &str = "header_image=[[https://x.example/1.png]] body_text=[[Ada]] body_text=[[7]] button_url=[[t/7]]";

    #[test]
    fn a_template_goes_as_it_is_listed_with_its_parameters() {
        let content = content(&[order("en_US", "APPROVED")], &wanted(WHOLE)).unwrap();
        let expected = json!({"type": "template", "template": {"name": "order",
        "language": {"policy": "deterministic", "code": "en_US"},
        "components": [
            {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://x.example/1.png"}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "Ada"}, {"type": "text", "text": "7"}]},
            {"type": "button", "sub_type": "url", "index": 0, "parameters": [{"type": "text", "text": "t/7"}]},
        ]}});
        assert_eq!(content, expected);
    }

    #[test]
    fn the_language_is_one_of_the_listed_records() {
        let both = [order("es_CO", "APPROVED"), order("en_US", "APPROVED"), order("en_GB", "REJECTED")];
        for (language, chosen) in [
            ("", Ok("en_US")),
            ("language=[[es]]", Ok("es_CO")),
            ("language=[[es-co]]", Ok("es_CO")),
            ("language=[[en_US]]", Ok("en_US")),
            ("language=[[en]]", Err("es_CO")),
            ("language=[[fr]]", Err("en_GB, en_US, es_CO only")),
            ("language=[[en_GB]]", Err("is not approved")),
        ] {
            match (content(&both, &wanted(&format!("{WHOLE} {language}"))), chosen) {
                (Ok(content), Ok(code)) => assert_eq!(content["template"]["language"]["code"], code),
                (Err(cause), Err(told)) => assert!(cause.contains(told), "{cause}"),
                (told, _) => panic!("{language}: {told:?}"),
            }
        }
        let only = content(&[order("de", "APPROVED")], &wanted(WHOLE)).unwrap();
        assert_eq!(only["template"]["language"]["code"], "de");
        assert!(content(&[], &wanted(WHOLE)).unwrap_err().contains("lists no template order"));
        for status in ["PENDING", "PAUSED", "DISABLED", ""] {
            assert!(content(&[order("en_US", status)], &wanted(WHOLE)).is_err(), "{status}");
        }
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused_before_anything_is_sent() {
        let approved = [order("en_US", "APPROVED")];
        for (more, told) in [
            ("", "body of the template has 2 places, and the shorthand fills 0"),
            ("body_text=[[a]] body_text=[[b]] body_text=[[c]]", "fills 3"),
            ("body_text=[[a]] body_text=[[b]]", "buttons of the template has 1 places"),
            ("body_text=[[a]] body_text=[[b]] button_url=[[x]]", "is of the kind image, and the shorthand has text"),
            (
                "header_text=[[x]] body_text=[[a]] body_text=[[b]] button_url=[[x]]",
                "header of the template has 0 places",
            ),
        ] {
            let cause = content(&approved, &wanted(more)).unwrap_err();
            assert!(cause.contains(told), "{more}: {cause}");
        }
    }
}
