//! The WhatsApp templates of a workspace, and the content of a message of one. An agent's template goes only where it is in
//! service in its language, and with as many parameters as it has places, because Bird would refuse any other after it was
//! asked to send it. Never sends one.

use serde_json::{Value, json};

use crate::domain::cause::FOR_OPERATORS;
use crate::domain::refusals::Object;
use crate::ports::Failure;
use crate::vendors::bird::client::Bird;
use crate::vendors::bird::limits;
use crate::vendors::http::exchange::Request;
use crate::vendors::shorthand::{Wanted, places};

/// The templates, each by its slug.
const TEMPLATES: &str = "/v1/whatsapp/templates";

/// The longest slug (`TemplateSlug` of Bird's SDK), and the most languages that a cause repeats.
const SLUG_MAX: usize = 63;
const LANGUAGES_MAX: usize = 5;

/// The remedy for a template of a line that cannot go as it is.
pub(super) const NAME_ANOTHER: &str = "name a template without places, files and cards as that of the line";

/// The kinds of files in a header that the shorthand can name.
const FILES: [&str; 3] = ["image", "video", "document"];

impl Bird {
    /// The content of the message of a template, checked against the version in service.
    ///
    /// # Errors
    /// As for every read; [`Failure::GiveUp`] where the template cannot go, in words for the agent.
    pub(super) async fn template(&self, wanted: &Wanted) -> Result<Value, Failure> {
        let name = &wanted.name;
        let read = async {
            let template = self.template_named(name).await?.map_err(refused)?;
            let language = language(&template, wanted).map_err(refused)?;
            self.content(name, &template, &language).await.map(|content| (language, content))
        };
        let (language, content) = match read.await {
            // A refusal is told as the agent's and the operator's, because no other text meets it.
            Err(Failure::Forbid { status: 403, .. }) => {
                return Err(refused(format!(
                    "the API key may not read templates; {FOR_OPERATORS}: give it the right whatsapp_management:read"
                )));
            }
            read => read?,
        };
        let components = components(&content, wanted).map_err(refused)?;
        Ok(json!({"template": {"slug": name, "language": language, "components": components}}))
    }

    /// Whether the template of a line can go as it is, without values.
    ///
    /// # Errors
    /// As for every read; [`Failure::GiveUp`] where the template is not in service.
    pub(super) async fn fit(&self, name: &str) -> Result<Fit, Failure> {
        let wanted = Wanted { name: name.to_owned(), ..Wanted::default() };
        let template = match self.template_named(name).await? {
            Ok(template) => template,
            Err(cause) => return Ok(Fit::Never(cause)),
        };
        let language = match language(&template, &wanted) {
            Err(cause) if !served(&template).is_empty() => return Ok(Fit::InAnotherLanguage(cause)),
            found => found.map_err(refused)?,
        };
        let content = self.content(name, &template, &language).await?;
        Ok(match components(&content, &wanted) {
            Ok(_) => Fit::Goes,
            Err(_) => Fit::Never(format!(
                "the template {name} needs values or a file, which no line gives; {FOR_OPERATORS}: {NAME_ANOTHER}"
            )),
        })
    }

    /// The template of this name, or that there is none.
    async fn template_named(&self, name: &str) -> Result<Result<Value, String>, Failure> {
        if name.len() > SLUG_MAX {
            return Ok(Err(format!("no name of a template has more than {SLUG_MAX} letters")));
        }
        match self.read_template(format!("{TEMPLATES}/{name}")).await {
            Err(Failure::Forbid { status: 404, .. } | Failure::NotFound { .. }) => {
                Ok(Err(format!("the workspace has no template {name}; {FOR_OPERATORS}: have it made and approved")))
            }
            read => read.map(Ok),
        }
    }

    /// The content of a template in this language.
    async fn content(&self, name: &str, template: &Value, language: &str) -> Result<Vec<Value>, Failure> {
        let version = template["live_version_id"].as_str().filter(|id| is_id(id)).ok_or_else(|| {
            refused(format!("no version of the template {name} is in service; {FOR_OPERATORS}: see its state in Bird"))
        })?;
        let mut version = self.read_template(format!("{TEMPLATES}/{name}/versions/{version}")).await?;
        Ok(match version["languages"][language]["components"].take() {
            Value::Array(content) => content,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => Vec::new(),
        })
    }

    /// Reads a template or its version.
    async fn read_template(&self, path: String) -> Result<Value, Failure> {
        let request = Request::get(limits::READ, path).about(Object::Other("a template"));
        self.call(&request).await.map(|(_, json)| json)
    }
}

/// How the template of a line fits.
#[derive(Debug, PartialEq, Eq)]
pub enum Fit {
    /// It goes as it is.
    Goes,
    /// It never goes, for this cause.
    Never(String),
    /// It is in service, but not in its default language: Bird decides whether another one goes.
    InAnotherLanguage(String),
}

fn refused(cause: String) -> Failure {
    Failure::GiveUp { cause }
}

/// An id of Bird's own, which becomes part of an address.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The languages in which a template is approved.
fn served(template: &Value) -> Vec<&str> {
    template["available_languages"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The language in which a template goes, as Bird spells it: the one that is asked for, or else the template's own.
fn language(template: &Value, wanted: &Wanted) -> Result<String, String> {
    let name = &wanted.name;
    let served = served(template);
    let known = served.iter().take(LANGUAGES_MAX).copied().collect::<Vec<_>>().join(", ");
    let asked = match &wanted.language {
        // WhatsApp's own spelling has an underscore.
        Some(asked) => asked.replace('_', "-"),
        None if template["language_source_required"] == true && !served.is_empty() => {
            return Err(format!("the template {name} needs a language: name one of {known}"));
        }
        None => template["default_language"].as_str().unwrap_or_default().to_owned(),
    };
    let found = served.iter().find(|language| language.eq_ignore_ascii_case(&asked));
    found.map(|language| (*language).to_owned()).ok_or_else(|| match served.is_empty() {
        true => format!("the template {name} is approved in no language; {FOR_OPERATORS}: see its state in Bird"),
        false => format!("the template {name} is there in {known} only: name one of these languages"),
    })
}

/// The values of a message for the places of a template's content, or the first misfit.
fn components(content: &[Value], wanted: &Wanted) -> Result<Vec<Value>, String> {
    let kind = |block: &Value| block["type"].as_str().unwrap_or_default().to_lowercase();
    let block = |name: &str| content.iter().find(|block| kind(block) == name).unwrap_or(&Value::Null);
    if !block("carousel").is_null() {
        return Err("the template has cards, which the shorthand cannot fill".to_owned());
    }
    let (header, body) = (block("header"), block("body"));
    let [of_header, of_body] = [header, body].map(|block| places(block["text"].as_str().unwrap_or_default()));
    let buttons = block("buttons")["buttons"].as_array().into_iter().flatten();
    let buttons: Vec<&Value> = buttons.filter(|button| takes_a_value(button)).collect();
    let given = (wanted.header_texts.len(), wanted.body_texts.len(), wanted.buttons.len());
    for (what, has, given) in
        [("header", of_header.len(), given.0), ("body", of_body.len(), given.1), ("buttons", buttons.len(), given.2)]
    {
        if has != given {
            return Err(format!("the {what} of the template has {has} places, and the shorthand fills {given}"));
        }
    }
    let format = header["format"].as_str().unwrap_or("text").to_lowercase();
    let given = wanted.header.as_ref().map_or("text", |(kind, _)| kind);
    if format != given {
        let known = FILES.into_iter().chain(["text"]).find(|known| *known == format).unwrap_or("another");
        return Err(format!("the header of the template is of the kind {known}, and the shorthand has {given}"));
    }
    let mut made = Vec::new();
    match &wanted.header {
        Some((kind, link)) => made.push(json!({"type": "header", "parameters": [{"type": kind, "url": link}]})),
        None => made.extend(filled("header", &of_header, &wanted.header_texts)),
    }
    made.extend(filled("body", &of_body, &wanted.body_texts));
    let mut ends: Vec<&(u32, String)> = wanted.buttons.iter().collect();
    ends.sort_by_key(|(index, _)| *index);
    made.extend(buttons.into_iter().zip(ends).filter_map(|(button, (_, end))| {
        // A code that is copied has no address.
        let place = button["url"].as_str().and_then(|url| places(url).first().copied()).unwrap_or("1");
        filled("button", &[place], std::slice::from_ref(end))
    }));
    Ok(made)
}

/// A part with these values, in the order of the shorthand; `None` of a part without places. The values of named places have
/// their names.
fn filled(part: &str, places: &[&str], texts: &[String]) -> Option<Value> {
    let value = |(place, text): (&&str, &String)| match place.bytes().all(|byte| byte.is_ascii_digit()) {
        true => json!({"type": "text", "text": text}),
        false => json!({"type": "text", "name": place, "text": text}),
    };
    let values: Vec<Value> = places.iter().zip(texts).map(value).collect();
    (!values.is_empty()).then(|| json!({"type": part, "parameters": values}))
}

/// Whether a button has a place: in its address, or for a code that is copied.
fn takes_a_value(button: &Value) -> bool {
    let has_examples = button["example_parameters"].as_array().is_some_and(|examples| !examples.is_empty());
    has_examples || button["url"].as_str().is_some_and(|url| !places(url).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendors::shorthand::read;

    /// The values that this shorthand gives to this content, or the misfit.
    fn made(content: &Value, shorthand: &str) -> Result<Value, String> {
        let wanted = read(&format!("&((template=[[t]] {shorthand}))&")).unwrap();
        components(content.as_array().unwrap(), &wanted).map(Value::from)
    }

    #[test]
    fn each_place_gets_its_value_and_a_named_one_its_name() {
        let content = json!([
            {"type": "header", "format": "text", "text": "Order {{1}}"},
            {"type": "body", "text": "Hi {{first_name}}, {{item}} left. {{first_name}}!"},
            {"type": "footer", "text": "Acme"},
            {"type": "buttons", "buttons": [
                {"type": "quick_reply", "text": "Thanks"},
                {"type": "url", "url": "https://acme.example/{{1}}", "example_parameters": [{"type": "text", "text": "a"}]},
            ]},
        ]);
        let whole =
            "header_text=[[7]] body_text=[[Ada]] body_text=[[the engine]] button_index=[[1]] button_url=[[t/7]]";
        assert_eq!(
            made(&content, whole),
            Ok(json!([
                {"type": "header", "parameters": [{"type": "text", "text": "7"}]},
                {"type": "body", "parameters": [{"type": "text", "name": "first_name", "text": "Ada"},
                    {"type": "text", "name": "item", "text": "the engine"}]},
                {"type": "button", "parameters": [{"type": "text", "text": "t/7"}]},
            ]))
        );
        for (less, misfit) in [
            ("header_text=[[7]]", "the header of the template has 1 places, and the shorthand fills 0"),
            ("body_text=[[the engine]]", "the body of the template has 2 places, and the shorthand fills 1"),
            ("button_index=[[1]] button_url=[[t/7]]", "the buttons of the template has 1 places"),
        ] {
            let fault = made(&content, &whole.replace(less, "")).unwrap_err();
            assert!(fault.starts_with(misfit) && !fault.contains("Ada"), "{less}: {fault}");
        }
        assert!(made(&content, &format!("{whole} body_text=[[more]]")).unwrap_err().contains("fills 3"));
        assert!(
            made(&content, &format!("{whole} header_image=[[https://a.example/x]]")).unwrap_err().contains("kind text")
        );
    }

    #[test]
    fn a_named_place_in_a_links_address_gets_its_name_and_a_code_to_copy_has_none() {
        for (button, name) in [
            (json!({"type": "url", "url": "https://acme.example/{{track}}"}), Some("track")),
            (json!({"type": "url", "url": "https://acme.example/{{1}}"}), None),
            (json!({"type": "copy_code", "example_parameters": ["A1"]}), None),
        ] {
            let content = json!([{"type": "body", "text": "Hi"}, {"type": "buttons", "buttons": [button]}]);
            let made = made(&content, "button_index=[[0]] button_url=[[t/7]]").unwrap();
            let value = &made[0]["parameters"][0];
            assert_eq!((value["name"].as_str(), &value["text"]), (name, &json!("t/7")), "{button}");
        }
    }

    #[test]
    fn a_file_stands_in_a_header_of_its_kind_alone() {
        let of = |format: &str| json!([{"type": "header", "format": format}, {"type": "body", "text": "Hi"}]);
        let shorthand = "header_image=[[https://acme.example/x.png]]";
        let file = json!({"type": "image", "url": "https://acme.example/x.png"});
        assert_eq!(made(&of("image"), shorthand), Ok(json!([{"type": "header", "parameters": [file]}])));
        assert!(made(&of("IMAGE"), shorthand).is_ok());
        for (format, shorthand, told) in
            [("video", shorthand, "kind video"), ("location", shorthand, "kind another"), ("image", "", "has text")]
        {
            assert!(made(&of(format), shorthand).unwrap_err().contains(told), "{format} {shorthand}");
        }
        assert!(made(&json!([{"type": "carousel", "cards": []}]), "").unwrap_err().contains("cards"));
        assert_eq!(made(&json!([{"type": "body", "text": "Hi"}]), ""), Ok(json!([])));
    }

    #[test]
    fn a_template_goes_in_a_language_that_is_in_service() {
        let template = json!({"available_languages": ["en", "pt-BR"], "default_language": "en"});
        let bound = json!({"available_languages": ["en"], "default_language": "en", "language_source_required": true});
        let none = json!({"available_languages": [], "default_language": "en"});
        let of = |template: &Value, asked: Option<&str>| {
            let wanted = Wanted { name: "t".into(), language: asked.map(str::to_owned), ..Wanted::default() };
            language(template, &wanted)
        };
        assert_eq!(of(&template, None).as_deref(), Ok("en"));
        assert_eq!(of(&template, Some("pt_br")).as_deref(), Ok("pt-BR"));
        assert!(of(&template, Some("nl")).unwrap_err().contains("in en, pt-BR only"));
        assert!(of(&bound, None).unwrap_err().contains("needs a language: name one of en"));
        assert_eq!(of(&bound, Some("en")).as_deref(), Ok("en"));
        assert!(of(&none, None).unwrap_err().contains("approved in no language"));
    }
}
