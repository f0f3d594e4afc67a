//! Zendesk's users: searches by id, field, address or number, and saves. Never decides which user is the customer: the
//! worker does.

use async_trait::async_trait;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::domain::budget::UserKey;
use crate::domain::event::UserId;
use crate::domain::refusals::Object;
use crate::ports::Failure;
use crate::ports::desk::{IdHolder, Saved, UserQuery, UserValues, UserView, Users};
use crate::vendors::http::exchange::{Effect, Request};

use super::{PAGE, Zendesk};
use crate::vendors::zendesk::limits;
use crate::vendors::zendesk::search::Search;
use crate::vendors::zendesk::views::UserJson;

#[async_trait]
impl Users for Zendesk {
    /// Looks among the first 100 of Zendesk's search, whose index lags by minutes.
    async fn find_users(&self, by: &UserQuery) -> Result<Vec<UserView>, Failure> {
        let search = match by {
            UserQuery::CustomerId(id) => Search::Field { key: self.customer_field.clone(), value: id.clone() },
            UserQuery::Email(email) => Search::Email(email.clone()),
            UserQuery::Phone(phone) => Search::Phone(phone.clone()),
        };
        let mut users = self.search_users(&search).await?;
        users.retain(|user| search.matches(user));
        Ok(users)
    }

    async fn holder_of(&self, external_id: &str) -> Result<IdHolder, Failure> {
        let by = Search::ExternalId(external_id.to_owned());
        let mut users = self.search_users(&by).await?;
        if let Some(place) = users.iter().position(|user| by.matches(user)) {
            return Ok(IdHolder::EndUser(users.swap_remove(place)));
        }
        let folded = external_id.to_lowercase();
        let has = |user: &UserView| user.external_id.as_ref().is_some_and(|id| id.to_lowercase() == folded);
        Ok(if users.iter().any(has) { IdHolder::Another } else { IdHolder::Free })
    }

    /// Zendesk finds an existing user by `external_id` or `email`, without regard to case, never by phone. It wants
    /// numbers in E.164.
    async fn save_user(&self, values: &UserValues) -> Result<Saved, Failure> {
        let name = values.external_id.as_deref().or(values.email.as_deref()).unwrap_or_default();
        let (key, body) = (UserKey::of(name), json!({ "user": self.user_of(values) }));
        let request = Request::post(limits::save_user(key), Effect::Lasting, "/api/v2/users/create_or_update", &body)
            .about(Object::User(key));
        let answer = self.call(&request).await?;
        let user: UserJson = self.part(&request, &answer, "user")?;
        Ok(Saved { user: user.view(&self.customer_field), is_new: answer.status == StatusCode::CREATED })
    }

    /// Source: Zendesk's API reference, User Identities, "Create Identity".
    async fn add_email(&self, user: UserId, email: &str) -> Result<(), Failure> {
        let path = format!("/api/v2/users/{user}/identities");
        let identity = json!({ "identity": { "type": "email", "value": email, "skip_verify_email": true } });
        // Zendesk documents no limit of its own for this endpoint.
        let request = Request::post(limits::READ, Effect::Lasting, path, &identity);
        self.call(&request).await.map(drop)
    }
}

impl Zendesk {
    async fn search_users(&self, by: &Search) -> Result<Vec<UserView>, Failure> {
        let Some((name, value)) = by.parameter()? else { return Ok(Vec::new()) };
        let request = Request::get(limits::SEARCH_USERS, "/api/v2/users/search")
            .about(Object::Other("the search"))
            .query(name, value)
            .query("per_page", PAGE.to_string());
        let answer = self.call(&request).await?;
        let users: Vec<UserJson> = self.part(&request, &answer, "users")?;
        Ok(users.into_iter().map(|user| user.view(&self.customer_field)).collect())
    }

    /// The inner object of a save.
    fn user_of(&self, values: &UserValues) -> Value {
        let texts = [
            ("external_id", &values.external_id),
            ("email", &values.email),
            ("name", &values.name),
            ("phone", &values.phone),
        ];
        let texts = texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), Value::from(text.as_deref()?))));
        let mut user: Map<String, Value> = texts.collect();
        if let Some(id) = &values.customer_id {
            user.insert("user_fields".to_owned(), json!({ &*self.customer_field: id }));
        }
        user.insert("skip_verify_email".to_owned(), Value::Bool(true));
        Value::Object(user)
    }
}
