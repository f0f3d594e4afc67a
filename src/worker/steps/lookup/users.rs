//! A desk's users as customers: the ids by which one is known there, and whether a user is a customer. Pure.
//!
//! Two carriers may give one id to two people, and a desk has one list of users. So the customers of a desk's first
//! carrier are known by the ids that they have, and those of a further one by ids with the carrier's account in front
//! ([`at_desk`]). All other functions here take a customer as the desk knows them.

use crate::domain::account::AccountId;
use crate::domain::address::{id_at_desk, own_id};
use crate::domain::conversation::fingerprint;
use crate::domain::event::Customer;
use crate::domain::phone::{self, Phone, digits};
use crate::ports::desk::{TicketView, UserView};

/// The prefix in the `external_id` of a user who is known by `carrier_id` only, so that it is never taken for an
/// external id: a carrier may answer "success" to a text for an external id that does not exist.
const ANONYMOUS: &str = "braze:";

/// The customer as a desk knows them: with the account's name in front of each id where the carrier is a `further` one.
pub(in crate::worker) fn at_desk(customer: &Customer, further: Option<AccountId>) -> Customer {
    let scoped = |id: &String| id_at_desk(id, further);
    Customer {
        external_id: customer.external_id.as_ref().map(scoped),
        carrier_id: customer.carrier_id.as_ref().map(scoped),
        ..customer.clone()
    }
}

/// The customer that a desk knows so, and the further carrier whose they are; no carrier for those of the first one.
pub(in crate::worker) fn from_desk(customer: Customer) -> (Option<AccountId>, Customer) {
    let split = |id: Option<String>| {
        let (carrier, own) = id.as_deref().map(own_id).unzip();
        (carrier.flatten(), own.map(str::to_owned))
    };
    let (by_brand, external_id) = split(customer.external_id);
    let (by_carrier, carrier_id) = split(customer.carrier_id);
    (by_brand.or(by_carrier), Customer { external_id, carrier_id, ..customer })
}

/// The customer's `external_id` as a user of a desk.
pub(in crate::worker) fn user_external_id(customer: &Customer) -> Option<String> {
    let anonymous = || customer.carrier_id.as_deref().map(|id| format!("{ANONYMOUS}{id}"));
    customer.external_id.clone().or_else(anonymous)
}

/// The digits of an id's digest that tell it from an id that differs in case only.
const DIGEST_DIGITS: usize = 12;

/// The longest id that a desk takes with a digest behind it.
const PLAIN_CHARS_MAX: usize = 200;

/// The `external_id` of a customer whose own id another user has: one of the staff, or a customer whose id differs in
/// case only, which a desk takes for the same. The same customer gets the same second id every time.
pub(in crate::worker) fn second_external_id(id: &str) -> String {
    let plain: String = id.chars().take(PLAIN_CHARS_MAX).collect();
    format!("{plain}~{}", digest_of(id))
}

/// The customer's own id in an `external_id` that may be their second one.
fn own_external_id(name: &str) -> &str {
    match name.rsplit_once('~') {
        Some((id, digest)) if digest == digest_of(id) => id,
        _ => name,
    }
}

fn digest_of(id: &str) -> String {
    fingerprint(id).chars().take(DIGEST_DIGITS).collect()
}

/// Whether the user is this customer; `None` where the user has no data to tell by.
pub(in crate::worker) fn is_customer(user: &UserView, customer: &Customer) -> Option<bool> {
    if user.is_agent {
        return Some(false);
    }
    if let Some(named) = named_by(user) {
        let same_external = named.external_id.is_some() && named.external_id == customer.external_id;
        let same_carrier = named.carrier_id.is_some() && named.carrier_id == customer.carrier_id;
        return Some(same_external || same_carrier);
    }
    let same_phone = user.phone.as_deref().map(digits).zip(customer.phone.as_deref().map(digits));
    let same_phone = same_phone.is_some_and(|(theirs, ours)| !ours.is_empty() && theirs == ours);
    let same_email = user.email.as_deref().zip(customer.email.as_deref());
    let same_email = same_email.is_some_and(|(theirs, ours)| theirs.eq_ignore_ascii_case(ours));
    (same_phone || same_email).then_some(true)
}

/// The requester's ids at the carrier. The brand's own field holds an external id and nothing else; a user's external id
/// is the bridge's or the brand's. A ticket's key alone does not do: an external id and a `carrier_id` look the same,
/// and a carrier may answer "success" to a text for an external id that does not exist.
pub(in crate::worker) fn customer_behind(ticket: &TicketView) -> Option<Customer> {
    let user = ticket.requester.as_ref()?;
    Some(Customer { phone: user.phone.clone(), ..named_by(user)? })
}

/// The user's number in the form that carriers know; none of a number that is one within its country only.
pub(in crate::worker) fn number_of(user: &UserView) -> Option<String> {
    match phone::parse(user.phone.as_deref()?)? {
        Phone::E164(number) => Some(number),
        Phone::ShortCode(_) => None,
    }
}

/// Whether the user has a number, and it is not the one that a channel has told.
pub(in crate::worker) fn has_another_number(user: &UserView, told: &str) -> bool {
    number_of(user).zip(phone::normalise(told)).is_some_and(|(own, told)| own != told)
}

/// The customer that the user's field or external id names, where one of the two is filled.
pub(in crate::worker) fn named_by(user: &UserView) -> Option<Customer> {
    let mut customer = Customer::default();
    match (user.customer_id.as_deref(), user.external_id.as_deref()) {
        (Some(id), _) => customer.external_id = Some(id.to_owned()),
        (None, Some(name)) => {
            let id = own_external_id(name);
            match id.strip_prefix(ANONYMOUS) {
                Some(id) => customer.carrier_id = Some(id.to_owned()),
                None => customer.external_id = Some(id.to_owned()),
            }
        }
        (None, None) => return None,
    }
    Some(customer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::UserId;

    fn user(field: Option<&str>, external_id: Option<&str>) -> UserView {
        UserView {
            id: UserId(1),
            name: "Ada".into(),
            external_id: external_id.map(Into::into),
            email: None,
            phone: None,
            active: true,
            is_agent: false,
            customer_id: field.map(Into::into),
        }
    }

    #[test]
    fn a_second_name_leads_back_to_the_customers_own_id_and_is_no_other_customers() {
        for id in ["cust-AbC", "cust-aBc", "braze:65f1", "a~b", "x~0123456789ab", &"é".repeat(200)] {
            let second = second_external_id(id);
            assert_eq!(own_external_id(&second), id);
            assert!(second.chars().count() <= 255, "{second}");
            assert_eq!(own_external_id(id), id, "nothing is cut off an id that is no second name");
        }
        let seconds = ["cust-AbC", "cust-aBc"].map(|id| second_external_id(id).to_lowercase());
        assert_ne!(seconds[0], seconds[1], "different also to a desk");
        let long = "x".repeat(255);
        assert!(second_external_id(&long).chars().count() <= 255);
    }

    #[test]
    fn one_id_of_two_carriers_is_two_users_and_each_leads_back_to_its_own() {
        let further: AccountId = "further".parse().unwrap();
        for (external_id, carrier_id) in
            [(Some("ada"), None), (None, Some("b1")), (Some("further:ada"), Some("b1")), (Some("=further:x"), None)]
        {
            let customer = Customer {
                external_id: external_id.map(Into::into),
                carrier_id: carrier_id.map(Into::into),
                ..Customer::default()
            };
            let names = [None, Some(further)].map(|carrier| user_external_id(&at_desk(&customer, carrier)).unwrap());
            assert_ne!(names[0], names[1]);
            for (name, carrier) in names.iter().zip([None, Some(further)]) {
                let named = named_by(&user(None, Some(name))).unwrap();
                let other = at_desk(&customer, if carrier.is_none() { Some(further) } else { None });
                assert_eq!(is_customer(&user(None, Some(name)), &other), Some(false), "{name}");
                let (whose, back) = from_desk(named);
                assert_eq!(whose, carrier, "{name}");
                assert!(back.external_id == customer.external_id || back.carrier_id == customer.carrier_id, "{name}");
            }
        }
    }

    #[test]
    fn two_numbers_are_compared_as_numbers_and_an_unknown_one_is_no_other() {
        let with = |phone: Option<&str>| UserView { phone: phone.map(Into::into), ..user(None, None) };
        for (phone, told, expected) in [
            (Some("+1 (555) 555-0123"), "+15555550123", false),
            (Some("+15555550123"), "+1 (555) 555-0123", false),
            (Some("+15555550199"), "+15555550123", true),
            (Some("555-0199"), "+15555550123", false),
            (Some("+15555550199"), "hidden", false),
            (None, "+15555550123", false),
        ] {
            assert_eq!(has_another_number(&with(phone), told), expected, "{phone:?} {told}");
        }
    }

    #[test]
    fn a_user_is_a_customer_by_id_or_where_none_is_known_by_phone_and_address() {
        let ada = Customer {
            external_id: Some("ada".into()),
            carrier_id: Some("b1".into()),
            phone: Some("+15555550123".into()),
            email: Some("ada@example.com".into()),
            ..Customer::default()
        };
        let second = second_external_id("ada");
        let blank = user(None, None);
        for (user, expected) in [
            (user(Some("ada"), Some("crm-7")), Some(true)),
            (user(Some("bob"), Some("ada")), Some(false)),
            (user(None, Some("ada")), Some(true)),
            (user(None, Some(&second)), Some(true)),
            (user(None, Some("Ada")), Some(false)),
            (user(None, Some("braze:b1")), Some(true)),
            (user(None, Some("braze:b2")), Some(false)),
            (UserView { phone: Some("+1 (555) 555-0123".into()), ..user(Some("bob"), None) }, Some(false)),
            (UserView { phone: Some("+1 (555) 555-0123".into()), ..blank.clone() }, Some(true)),
            (UserView { email: Some("ADA@example.com".into()), ..blank.clone() }, Some(true)),
            (UserView { phone: Some("+15555550199".into()), ..blank.clone() }, None),
            (UserView { is_agent: true, ..user(Some("ada"), Some("ada")) }, Some(false)),
            (blank, None),
        ] {
            assert_eq!(is_customer(&user, &ada), expected, "{:?} {:?}", user.external_id, user.customer_id);
        }
    }
}
