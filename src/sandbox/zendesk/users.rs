//! The Users API: who am I, search, create or update.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::server::{Answer, Request};
use super::errors;
use super::model::{Role, User};
use super::state::State;

impl State {
    /// `GET /users/me`.
    pub(super) fn me(&self) -> Answer {
        self.user(self.api_user)
    }

    /// `GET /users/{id}`.
    pub(super) fn user(&self, id: u64) -> Answer {
        match self.users.get(&id) {
            Some(user) => Answer::json(200, &json!({"user": self.user_json(user)})),
            None => errors::not_found(),
        }
    }

    pub(super) fn user_json(&self, user: &User) -> Value {
        let phone = user.phone.as_deref();
        let shared = phone.is_some()
            && self.users.values().any(|other| {
                other.id < user.id
                    && (other.phone.as_deref() == phone || other.more_phones.iter().any(|p| Some(p.as_str()) == phone))
            });
        user.json(&self.base, shared)
    }

    /// `GET /users/search?external_id=` (exact, at once) or `?query=` (the search index, which may lag).
    pub(super) fn search_users(&self, request: &Request, now: Timestamp) -> Answer {
        let found: Vec<Value> = if let Some(external_id) = request.param("external_id") {
            self.users.values().filter(|user| is(&user.external_id, external_id)).map(|u| self.user_json(u)).collect()
        } else {
            self.indexed_users(request.param("query").unwrap_or(""), now)
        };
        Answer::json(200, &json!({"count": found.len(), "users": found, "next_page": null, "previous_page": null}))
    }

    /// The users in the search index that every term of the query matches; none for a query without terms.
    pub(super) fn indexed_users(&self, query: &str, now: Timestamp) -> Vec<Value> {
        let terms = terms(query);
        let indexed = |user: &&User| now.duration_since(user.created_at) >= self.switches.search_lag;
        let matching = |user: &&User| !terms.is_empty() && terms.iter().all(|term| term.matches(user));
        self.users.values().filter(indexed).filter(matching).map(|user| self.user_json(user)).collect()
    }

    /// `POST /users/create_or_update`: matches by e-mail or external id, never by phone.
    pub(super) fn create_or_update_user(&mut self, request: &Request, now: Timestamp) -> Answer {
        let body = request.json();
        let given = &body["user"];
        if !given.is_object() {
            return errors::invalid_attribute("user");
        }
        let text = |key: &str| given[key].as_str().map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
        let (email, external_id) = (text("email"), text("external_id"));
        let by = |field: fn(&User) -> &Option<String>, value: &Option<String>| {
            let value = value.as_deref()?;
            self.users.values().find(|user| is(field(user), value)).map(|user| user.id)
        };
        let by_email = by(|user| &user.email, &email);
        let by_external_id = by(|user| &user.external_id, &external_id);
        if by_email.is_some() && by_external_id.is_some() && by_email != by_external_id {
            return errors::record_invalid("external_id", "External has already been taken", Some("DuplicateValue"));
        }
        let existing = by_external_id.or(by_email);
        if text("name").is_none() && (existing.is_none() || given.get("name").is_some()) {
            return errors::record_invalid(
                "name",
                "Name: is too short (minimum is 1 characters)",
                Some("ValueTooShort"),
            );
        }
        let id = existing.unwrap_or_else(|| self.add_user(User { created_at: now, ..User::default() }));
        if let Some(user) = self.users.get_mut(&id) {
            user.name = text("name").unwrap_or_else(|| std::mem::take(&mut user.name));
            // A further address would become a secondary one; the primary stays.
            user.email = user.email.take().or(email);
            user.external_id = external_id.or(user.external_id.take());
            match (user.phone.is_some(), text("phone")) {
                (false, phone) => user.phone = phone,
                (true, Some(phone)) if user.phone.as_ref() != Some(&phone) => user.more_phones.push(phone),
                (true, _) => {}
            }
            user.role = given["role"].as_str().and_then(Role::parse).unwrap_or(user.role);
            for (key, value) in given["user_fields"].as_object().into_iter().flatten() {
                user.user_fields.insert(key.clone(), value.clone());
            }
        }
        let shown = self.users.get(&id).map(|user| self.user_json(user));
        let status = if existing.is_some() { 200 } else { 201 };
        Answer::json(status, &json!({"user": shown})).with("Location", format!("{}/api/v2/users/{id}.json", self.base))
    }

    /// `POST /users/{id}/identities`: one more address or number. An address that a user has is refused.
    pub(super) fn add_identity(&mut self, id: u64, request: &Request) -> Answer {
        let body = request.json();
        let given = &body["identity"];
        let (kind, value) = (given["type"].as_str().unwrap_or_default(), given["value"].as_str().unwrap_or_default());
        if !matches!(kind, "email" | "phone_number") || value.trim().is_empty() {
            return errors::record_invalid("value", "Value: is invalid", Some("InvalidValue"));
        }
        if kind == "email" && self.users.values().any(|user| is(&user.email, value)) {
            let why = format!("Email: {value} is already being used by another user");
            return errors::record_invalid("value", &why, Some("DuplicateValue"));
        }
        let identity = self.next_id();
        let Some(user) = self.users.get_mut(&id) else { return errors::not_found() };
        match kind {
            // A further address would become a secondary one; the primary stays.
            "email" => user.email = user.email.take().or_else(|| Some(value.to_owned())),
            _ => user.more_phones.push(value.to_owned()),
        }
        let shown = json!({"id": identity, "user_id": id, "type": kind, "value": value, "verified": false});
        Answer::json(201, &json!({ "identity": shown }))
    }

    /// Adds a user and numbers it.
    pub(super) fn add_user(&mut self, user: User) -> u64 {
        let id = self.next_id();
        self.users.insert(id, User { id, ..user });
        id
    }

    /// The requester that a new ticket names: an existing one with that e-mail, or a new end user every time.
    pub(super) fn requester(&mut self, given: &Value, now: Timestamp) -> Result<u64, Answer> {
        let text = |key: &str| given[key].as_str().map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
        let email = text("email");
        let known = email.as_deref().and_then(|email| self.users.values().find(|user| is(&user.email, email)));
        if let Some(user) = known {
            return Ok(user.id);
        }
        let Some(name) = text("name") else {
            let why = "Requester: Name: is too short (minimum one character)";
            return Err(errors::record_invalid("requester", why, Some("ValueTooShort")));
        };
        let user_fields = given["user_fields"].as_object().cloned().unwrap_or_default();
        let phone = text("phone");
        Ok(self.add_user(User { name, email, phone, user_fields, created_at: now, ..User::default() }))
    }
}

/// Zendesk compares e-mails and external ids without regard to case.
fn is(value: &Option<String>, wanted: &str) -> bool {
    value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case(wanted))
}

/// One term of a search query.
#[derive(Debug, PartialEq, Eq)]
struct Term {
    key: String,
    value: String,
}

impl Term {
    fn matches(&self, user: &User) -> bool {
        match self.key.as_str() {
            "type" => self.value == "user",
            "" | "name" => user.name.to_lowercase().contains(&self.value.to_lowercase()),
            "email" => is(&user.email, &self.value),
            "external_id" => is(&user.external_id, &self.value),
            "role" => user.role.as_str() == self.value || (self.value == "end_user" && user.role == Role::EndUser),
            "phone" => user.phone.iter().chain(&user.more_phones).any(|phone| self.matches_phone(phone)),
            field => {
                user.user_fields.get(field).and_then(Value::as_str).is_some_and(|v| v.eq_ignore_ascii_case(&self.value))
            }
        }
    }

    /// Only digits are searched, so a `+` finds nothing; a leading `*` matches differently formatted stored numbers.
    fn matches_phone(&self, phone: &str) -> bool {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        match self.value.strip_prefix('*') {
            Some(tail) => !tail.is_empty() && digits.ends_with(tail),
            None => digits == self.value,
        }
    }
}

/// Splits `key:value key:"quoted value" word` into terms, all of which must match.
fn terms(query: &str) -> Vec<Term> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in query.chars() {
        match character {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => {
                if let Some(word) = words.last_mut() {
                    word.push(other);
                }
            }
        }
    }
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(|word| match word.split_once(':') {
            Some((key, value)) => Term { key: key.to_owned(), value: value.to_owned() },
            None => Term { key: String::new(), value: word },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_split_at_spaces_outside_quotation_marks() {
        let term = |key: &str, value: &str| Term { key: key.into(), value: value.into() };
        assert_eq!(
            terms(r#"braze_external_id:"a b:c" role:end-user Ann"#),
            [term("braze_external_id", "a b:c"), term("role", "end-user"), term("", "Ann"),]
        );
        assert_eq!(terms("  "), []);
    }

    #[test]
    fn phones_are_found_by_their_digits_only() {
        let user = User { phone: Some("+1 (555) 010-0001".into()), ..User::default() };
        for (value, found) in
            [("*5550100001", true), ("15550100001", true), ("5550100001", false), ("+15550100001", false), ("*", false)]
        {
            assert_eq!(Term { key: "phone".into(), value: value.into() }.matches(&user), found, "{value}");
        }
    }
}
