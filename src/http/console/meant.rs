//! The selection of deliveries for a list of the console: from its address to filters for the store. Pure.

use std::cmp::Reverse;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::needs::LATE;
use super::page::Trouble;
use super::view;
use crate::domain::account::AccountId;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Delivery, StateName};
use crate::domain::event::EventId;
use crate::store::{DeliveryFilter, Page, Sweep};

/// The parameters of a list, as its address names them.
pub(super) const NAMES: [&str; 7] = ["show", "state", "to", "conversation", "since", "until", "doorbells"];

/// The states that need the operator.
pub(super) const NEEDY: [StateName; 3] = [StateName::Dead, StateName::Unconfirmed, StateName::Quarantined];

/// Several states, under one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Show {
    /// All of them.
    #[default]
    All,
    /// Those that need the operator.
    Needy,
    /// Those that are under way and came more than a minute ago.
    Late,
    /// Those that move on by themselves, without deliveries that were set aside for the operator.
    Open,
}

impl Show {
    /// Word, and name for people.
    pub(super) const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::All, "", "All"),
        (Self::Needy, "needs-you", "Needs you"),
        (Self::Late, "late", "Late"),
        (Self::Open, "open", "Under way"),
    ];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(show, ..)| *show == self).map(|(_, word, _)| *word).unwrap_or_default()
    }

    /// The selected states; `None` for all.
    fn states(self) -> Option<&'static [StateName]> {
        match self {
            Self::All => None,
            Self::Needy => Some(&NEEDY),
            Self::Late | Self::Open => Some(&StateName::UNSETTLED),
        }
    }
}

/// A selection of deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meant {
    pub(super) show: Show,
    /// One state, instead of several.
    pub(super) state: Option<StateName>,
    pub(super) to: String,
    pub(super) conversation: String,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    /// Whether answered doorbells are among them.
    pub(super) with_doorbells: bool,
}

impl Meant {
    /// The selection that the parameters of an address, or the fields of a form, describe.
    pub(super) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Trouble> {
        let word = |name| get(name).unwrap_or_default();
        let (show, state) = (word("show"), word("state"));
        let named = |word: String| word.parse().map_err(|_| Trouble::bad(format!("There is no state “{word}”.")));
        let state = some(&state).map(named).transpose()?;
        let known = Show::ALL.iter().find(|(_, word, _)| *word == show).map(|(show, ..)| *show);
        Ok(Self {
            show: known.ok_or_else(|| Trouble::bad(format!("There is no list “{show}”.")))?,
            state,
            to: word("to"),
            conversation: word("conversation"),
            since: get("since").map(|word| time(&word)).transpose()?,
            until: get("until").map(|word| time(&word)).transpose()?,
            with_doorbells: !word("doorbells").is_empty(),
        })
    }

    fn account(&self) -> Result<Option<AccountId>, Trouble> {
        let unknown = || Trouble::bad(format!("There is no account “{}”.", self.to));
        let named = Some(self.to.as_str()).filter(|to| !to.is_empty());
        named.map(|name| AccountId::known(name).ok_or_else(unknown)).transpose()
    }

    /// A filter for each selected state, or one for all; each finds up to `limit`, the newest first.
    pub(super) fn filters(
        &self,
        after: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<DeliveryFilter>, Trouble> {
        let late = now.saturating_sub(LATE).unwrap_or(now);
        let filter = DeliveryFilter {
            state: self.state,
            conversation: some(&self.conversation).map(ConversationKey),
            account: self.account()?,
            since: self.since,
            until: if self.show == Show::Late {
                Some(self.until.map_or(late, |until| until.min(late)))
            } else {
                self.until
            },
            hide_doorbells: !self.with_doorbells,
            newest_first: true,
            after,
            limit,
            ..DeliveryFilter::default()
        };
        Ok(match self.show.states().filter(|_| self.state.is_none()) {
            None => vec![filter],
            Some(states) => {
                let of = |state: &StateName| DeliveryFilter {
                    state: Some(*state),
                    set_aside: (*state == StateName::Unconfirmed).then_some(self.show == Show::Needy),
                    ..filter.clone()
                };
                states.iter().map(of).collect()
            }
        })
    }

    /// The sweep of an order over the deliveries of the selection in this state.
    pub(super) fn sweep(
        &self,
        state: StateName,
        accepted_by: Timestamp,
        after: Option<EventId>,
    ) -> Result<Sweep, Trouble> {
        Ok(Sweep {
            state,
            conversation: some(&self.conversation).map(ConversationKey),
            account: self.account()?,
            accepted_by,
            after,
        })
    }

    /// Whether an order over many ([`Self::sweep`]) covers exactly the deliveries that the list shows.
    pub(super) fn can_be_swept(&self) -> bool {
        self.state.is_some() && self.since.is_none() && self.until.is_none()
    }

    /// Whether the list has no filter, so that an empty one means that no webhook has come.
    pub(super) fn is_everything(&self) -> bool {
        *self == Self { with_doorbells: self.with_doorbells, ..Self::default() }
    }

    /// Whether the form of the filter holds a filter.
    pub(super) fn is_filtered(&self) -> bool {
        *self != Self { show: self.show, with_doorbells: self.with_doorbells, ..Self::default() }
    }

    /// The address of the list, with these parameters behind it.
    pub(super) fn href(&self, path: &str, more: &[(&str, &str)]) -> String {
        let [since, until] = [self.since, self.until].map(|at| at.map(|at| at.strftime("%FT%TZ").to_string()));
        let own = [
            ("show", self.show.word()),
            ("state", self.state_word()),
            ("to", &*self.to),
            ("conversation", &*self.conversation),
            ("since", since.as_deref().unwrap_or_default()),
            ("until", until.as_deref().unwrap_or_default()),
            ("doorbells", if self.with_doorbells { "yes" } else { "" }),
        ];
        view::query(path, &[&own, more].concat())
    }

    /// The lists that one click leads to: name, address, whether it is this one.
    pub(super) fn chips(&self) -> Vec<(&'static str, String, bool)> {
        let chip = |(show, _, name): (Show, &str, &'static str)| {
            let other = Self { show, state: None, ..self.clone() };
            (name, other.href("/console/deliveries", &[]), other == *self)
        };
        Show::ALL.map(chip).into()
    }

    /// The same list with doorbells, or without.
    pub(super) fn doorbells_href(&self) -> String {
        let other = Self { with_doorbells: !self.with_doorbells, ..self.clone() };
        other.href("/console/deliveries", &[])
    }

    /// The word of the one state; empty for any.
    pub(super) fn state_word(&self) -> &'static str {
        self.state.map(StateName::word).unwrap_or_default()
    }

    /// The earliest time, as a form's field takes it; empty for no bound.
    pub(super) fn since_field(&self) -> String {
        field(self.since)
    }

    /// The latest time, as a form's field takes it; empty for no bound.
    pub(super) fn until_field(&self) -> String {
        field(self.until)
    }
}

fn field(at: Option<Timestamp>) -> String {
    at.map(|at| at.strftime("%FT%H:%M").to_string()).unwrap_or_default()
}

fn some(word: &str) -> Option<String> {
    Some(word.to_owned()).filter(|word| !word.is_empty())
}

/// A time in UTC: as a form's field sends it, without a zone, or with one.
fn time(word: &str) -> Result<Timestamp, Trouble> {
    let civil = || word.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let at = word.parse::<Timestamp>().ok().or_else(civil);
    at.ok_or_else(|| Trouble::bad(format!("“{word}” is no time: write it like 2026-11-21T12:00Z.")))
}

/// One page of the finds of several filters, the newest first.
pub(super) fn merged(pages: Vec<Page<Delivery>>, limit: usize) -> Page<Delivery> {
    let (mut items, mut total, mut more) = (Vec::new(), 0, false);
    for page in pages {
        items.extend(page.items);
        total += page.total;
        more |= page.more;
    }
    items.sort_unstable_by_key(|delivery| Reverse(delivery.id));
    // A delivery that changed its state between two queries appears twice.
    items.dedup_by_key(|delivery| delivery.id);
    more |= items.len() > limit;
    items.truncate(limit);
    Page { items, total, more }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::Ends;
    use crate::domain::delivery::State as Standing;
    use crate::http::testing::{delivery, noon};

    fn read(pairs: &[(&str, &str)]) -> Result<Meant, Trouble> {
        let value = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Meant::read(value)
    }

    fn meant(pairs: &[(&str, &str)]) -> Meant {
        read(pairs).ok().unwrap()
    }

    fn filters(pairs: &[(&str, &str)]) -> Vec<DeliveryFilter> {
        meant(pairs).filters(None, 9, noon()).ok().unwrap()
    }

    #[test]
    fn a_list_is_what_its_address_says_and_never_everything_by_mistake() {
        let found = filters(&[("state", "dead"), ("to", "braze"), ("conversation", "ada")]);
        let [filter] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((filter.state, filter.account), (Some(StateName::Dead), Some(Ends::FIRST.carrier)));
        assert_eq!(filter.conversation, Some(ConversationKey("ada".into())));
        assert!(filter.hide_doorbells && filter.newest_first);
        for wrong in [("state", "ded"), ("show", "all"), ("since", "yesterday"), ("until", "2026-02-30T12:00")] {
            assert!(read(&[wrong]).is_err(), "{wrong:?}");
        }
        assert!(meant(&[("to", "zendsk")]).filters(None, 9, noon()).is_err());
        assert!(filters(&[])[0].state.is_none());
        assert!(!filters(&[("doorbells", "yes")])[0].hide_doorbells);
    }

    #[test]
    fn a_word_stands_for_several_states() {
        let states = |pairs: &[(&str, &str)]| -> Vec<&str> {
            filters(pairs).into_iter().map(|filter| filter.state.unwrap().word()).collect()
        };
        assert_eq!(states(&[("show", "needs-you")]), ["dead", "unconfirmed", "quarantined"]);
        assert_eq!(states(&[("show", "open")]), ["pending", "sending", "waiting", "unconfirmed"]);
        assert_eq!(states(&[("show", "open"), ("state", "dead")]), ["dead"], "one state is more exact");
        let set_aside = |show: &str| -> Vec<Option<bool>> {
            filters(&[("show", show)]).into_iter().map(|filter| filter.set_aside).collect()
        };
        assert_eq!(set_aside("needs-you"), [None, Some(true), None], "what is looked for needs nobody");
        for show in ["open", "late"] {
            assert_eq!(set_aside(show), [None, None, None, Some(false)], "{show}: nothing moves by itself there");
        }
    }

    #[test]
    fn what_came_within_the_minute_is_not_late() {
        let until = |pairs: &[(&str, &str)]| filters(pairs)[0].until.unwrap().to_string();
        assert_eq!(until(&[("show", "late")]), "2026-11-21T11:59:00Z");
        assert_eq!(until(&[("show", "late"), ("until", "2026-11-21T11:00Z")]), "2026-11-21T11:00:00Z");
        assert_eq!(until(&[("show", "late"), ("until", "2026-11-21T13:00Z")]), "2026-11-21T11:59:00Z");
    }

    #[test]
    fn a_time_is_taken_with_a_zone_or_as_utc() {
        for word in ["2026-11-21T12:00", "2026-11-21T12:00:00", "2026-11-21T12:00:00Z", "2026-11-21T13:00:00+01:00"] {
            assert_eq!(meant(&[("since", word)]).since, Some(noon()), "{word}");
        }
        assert_eq!(meant(&[("since", "2026-11-21T12:00:59Z")]).since_field(), "2026-11-21T12:00");
        assert_eq!(meant(&[]).until_field(), "");
    }

    #[test]
    fn an_address_takes_the_whole_list_along() {
        let pairs = [
            ("show", "late"),
            ("to", "braze"),
            ("conversation", "a&b"),
            ("since", "2026-11-21T12:00:00Z"),
            ("doorbells", "yes"),
        ];
        let href = meant(&pairs).href("/x", &[("after", "e")]);
        assert_eq!(
            href,
            "/x?show=late&to=braze&conversation=a%26b&since=2026-11-21T12%3A00%3A00Z&doorbells=yes&after=e"
        );
        let chips = meant(&[("state", "dead"), ("to", "braze")]).chips();
        assert_eq!(chips[1], ("Needs you", "/console/deliveries?show=needs-you&to=braze".to_owned(), false));
        assert!(meant(&[("show", "late")]).chips()[2].2 && meant(&[]).chips()[0].2);
    }

    #[test]
    fn an_order_over_all_is_offered_where_it_means_what_is_shown() {
        assert!(meant(&[("state", "dead"), ("to", "braze")]).can_be_swept());
        for pairs in [&[][..], &[("show", "open")], &[("state", "dead"), ("since", "2026-11-21T12:00Z")]] {
            assert!(!meant(pairs).can_be_swept(), "{pairs:?}");
        }
    }

    #[test]
    fn several_filters_make_one_page_newest_first() {
        let page = |ids: &[u64], more| Page {
            items: ids.iter().map(|id| delivery(*id, Standing::Pending)).collect(),
            total: ids.len() as u64,
            more,
        };
        let ids = |page: &Page<Delivery>| page.items.iter().map(|delivery| delivery.id.sequence).collect::<Vec<_>>();
        let whole = merged(vec![page(&[9, 4], false), page(&[7, 4, 1], false)], 9);
        assert_eq!((ids(&whole), whole.total, whole.more), (vec![9, 7, 4, 1], 5, false));
        let cut = merged(vec![page(&[9, 4], false), page(&[7, 1], false)], 3);
        assert_eq!((ids(&cut), cut.more), (vec![9, 7, 4], true));
        assert!(merged(vec![page(&[9], true), page(&[], false)], 9).more);
    }
}
