//! For the first carrier of each desk, whose customers' ids stand at the desk as they are. Never changes one that was kept.

use std::collections::BTreeMap;

use crate::domain::account::AccountId;
use crate::store::StoreError;
use crate::store::engine::core::Core;
use crate::store::engine::layout;

impl Core {
    /// [`crate::store::Control::keep_homes`].
    pub(in crate::store) fn keep_homes(
        &mut self,
        first: BTreeMap<AccountId, AccountId>,
    ) -> Result<BTreeMap<AccountId, AccountId>, StoreError> {
        let kept = self.journal.load(layout::META_HOMES)?;
        let mut homes: BTreeMap<AccountId, AccountId> =
            kept.map(|record| layout::decode("first carriers", &record)).transpose()?.unwrap_or_default();
        let many = homes.len();
        for (desk, carrier) in first {
            homes.entry(desk).or_insert(carrier);
        }
        if homes.len() > many {
            self.journal.replace(layout::META_HOMES.into(), layout::encode("first carriers", &homes)?)?;
        }
        Ok(homes)
    }
}
