//! Zendesk's users: searches by id, field, address or number, and saves. Never decides which user is the customer: the
//! worker does.

use http::StatusCode;
use serde_json::{Value, json};

use crate::domain::budget::UserKey;
use crate::domain::event::UserId;
use crate::domain::refusals::Object;
use crate::ports::Failure;
use crate::vendors::http::exchange::{Effect, Request};

use super::{PAGE, Zendesk};
use crate::vendors::zendesk::limits;
use crate::vendors::zendesk::search::UserQuery;
use crate::vendors::zendesk::views::{self, IdHolder, Saved, UserView};

impl Zendesk {
    /// The users who have exactly this external id, field, e-mail address or phone number, among the first 100 of
    /// Zendesk's search. The search index lags by minutes, so a new user may be missing.
    ///
    /// # Errors
    /// As for every read; [`Failure::GiveUp`] for a field key that Zendesk cannot have.
    pub async fn find_users(&self, by: &UserQuery) -> Result<Vec<UserView>, Failure> {
        let mut users = self.search_users(by).await?;
        users.retain(|user| by.matches(user));
        Ok(users)
    }

    /// The holder of this external id. Case does not count, as when Zendesk saves a user.
    ///
    /// # Errors
    /// As for every read.
    pub async fn holder_of(&self, external_id: &str) -> Result<IdHolder, Failure> {
        let by = UserQuery::ExternalId(external_id.to_owned());
        let mut users = self.search_users(&by).await?;
        if let Some(place) = users.iter().position(|user| by.matches(user)) {
            return Ok(IdHolder::EndUser(users.swap_remove(place)));
        }
        let folded = external_id.to_lowercase();
        let has = |user: &UserView| user.external_id.as_ref().is_some_and(|id| id.to_lowercase() == folded);
        Ok(if users.iter().any(has) { IdHolder::Another } else { IdHolder::Free })
    }

    async fn search_users(&self, by: &UserQuery) -> Result<Vec<UserView>, Failure> {
        let Some((name, value)) = by.parameter()? else { return Ok(Vec::new()) };
        let request = Request::get(limits::SEARCH_USERS, "/api/v2/users/search")
            .about(Object::Other("the search"))
            .query(name, value)
            .query("per_page", PAGE.to_string());
        let answer = self.call(&request).await?;
        let users: Vec<views::UserJson> = self.part(&request, &answer, "users")?;
        Ok(users.into_iter().map(views::UserJson::view).collect())
    }

    /// Gives a user one more e-mail address. Zendesk refuses one that another user has. No verification mail is sent.
    /// Source: Zendesk's API reference, User Identities, "Create Identity".
    ///
    /// # Errors
    /// As for every write; [`Failure::GiveUp`] for an address that is taken or is none.
    pub async fn add_email(&self, user: UserId, email: &str) -> Result<(), Failure> {
        let path = format!("/api/v2/users/{user}/identities");
        let identity = json!({ "identity": { "type": "email", "value": email, "skip_verify_email": true } });
        // Zendesk documents no limit of its own for this endpoint.
        let request = Request::post(limits::READ, Effect::Lasting, path, &identity);
        self.call(&request).await.map(drop)
    }

    /// Makes or changes a user; `user` is the inner object. Zendesk finds an existing one by `external_id` or
    /// `email`, without regard to case, never by phone. No verification mail is sent.
    ///
    /// # Errors
    /// As for every write. Repeating it after [`Failure::Lose`] is harmless when it names an external id or e-mail.
    pub async fn save_user(&self, user: &Value) -> Result<Saved, Failure> {
        let name = user["external_id"].as_str().or_else(|| user["email"].as_str()).unwrap_or_default();
        let mut user = user.clone();
        if let Some(fields) = user.as_object_mut() {
            fields.insert("skip_verify_email".into(), Value::Bool(true));
        }
        let (key, body) = (UserKey::of(name), json!({ "user": user }));
        let request = Request::post(limits::save_user(key), Effect::Lasting, "/api/v2/users/create_or_update", &body)
            .about(Object::User(key));
        let answer = self.call(&request).await?;
        let user: views::UserJson = self.part(&request, &answer, "user")?;
        Ok(Saved { user: user.view(), is_new: answer.status == StatusCode::CREATED })
    }
}
