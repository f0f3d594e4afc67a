//! The users of a desk: customers and staff. Never decides which user is the customer.

use std::fmt;

use async_trait::async_trait;

use crate::domain::event::UserId;
use crate::ports::Failure;

/// The users of a desk.
#[async_trait]
pub trait Users: Send + Sync {
    /// The end users who match exactly. A new user may be missing for some minutes.
    ///
    /// # Errors
    /// As for every read; [`Failure::GiveUp`] where the desk cannot have such a user.
    async fn find_users(&self, by: &UserQuery) -> Result<Vec<UserView>, Failure>;

    /// The holder of this external id. Case does not count, as when a desk saves a user.
    ///
    /// # Errors
    /// As for every read.
    async fn holder_of(&self, external_id: &str) -> Result<IdHolder, Failure>;

    /// Makes or changes the user of these values' external id or e-mail address. The desk sends no mail about it.
    ///
    /// # Errors
    /// As for every write. Repeating it after [`Failure::Lose`] is harmless when it names an external id or e-mail
    /// address.
    async fn save_user(&self, values: &UserValues) -> Result<Saved, Failure>;

    /// Gives a user one more e-mail address, unless another user has it. The desk sends no mail about it.
    ///
    /// # Errors
    /// As for every write; [`Failure::GiveUp`] for an address that is taken or is none.
    async fn add_email(&self, user: UserId, email: &str) -> Result<(), Failure>;
}

/// A query for users.
#[derive(Clone, PartialEq, Eq)]
pub enum UserQuery {
    /// By [`UserView::customer_id`].
    CustomerId(String),
    /// By e-mail address, without regard to case.
    Email(String),
    /// By phone number, digit by digit.
    Phone(String),
}

/// The values to save on a user; `None` leaves a value as it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserValues {
    /// The external id, by which the desk knows the user.
    pub external_id: Option<String>,
    /// The e-mail address, by which the desk knows a user without an external id.
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The phone number.
    pub phone: Option<String>,
    /// As [`UserView::customer_id`].
    pub customer_id: Option<String>,
}

/// Personal data stays out of logs and panics.
impl fmt::Debug for UserValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserValues").finish_non_exhaustive()
    }
}

/// A user, customer or agent.
#[derive(Clone, PartialEq)]
pub struct UserView {
    /// Its number.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// The bridge's or the brand's id of the user.
    pub external_id: Option<String>,
    /// The customer's external id at the carrier, where the brand keeps it on the user in a field of its own.
    pub customer_id: Option<String>,
    /// Its main e-mail address.
    pub email: Option<String>,
    /// Its main phone number, as written.
    pub phone: Option<String>,
    /// Whether it is one of the brand's staff and no customer.
    pub is_agent: bool,
    /// False for a deleted user.
    pub active: bool,
}

/// Personal data stays out of logs and panics.
impl fmt::Debug for UserView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserView({}, …)", self.id)
    }
}

/// A user after a save.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The user.
    pub user: UserView,
    /// Whether the save made the user.
    pub is_new: bool,
}

/// The holder of an external id.
#[derive(Clone, Debug, PartialEq)]
pub enum IdHolder {
    /// An end user has exactly this id.
    EndUser(UserView),
    /// A member of staff has it, or a user whose id differs in case only. A save under this id would change that user.
    Another,
    /// No user.
    Free,
}
