//! For a core over a part of a store. Nothing here loads a row.

use std::sync::{Arc, Mutex};

use crate::store::StoreLimits;
use crate::store::engine::core::Core;
use crate::store::engine::disk::Disk;
use crate::store::engine::epochs::Epochs;
use crate::store::engine::index::Index;
use crate::store::engine::journal::Journal;
use crate::store::engine::part::{Part, PartTree, Scope};
use crate::store::engine::queues::Queues;

/// A core over a part of a store, to be filled from the part's rows.
pub(in crate::store) fn core_over(part: &Arc<Mutex<Part>>, epochs: Epochs, limits: StoreLimits, disk: Disk) -> Core {
    let scope = Scope::Part(Arc::clone(part));
    let journal = Journal::of_part(Box::new(PartTree(Arc::clone(part))), scope.clone());
    let mut core = Core::new(journal, epochs, limits, disk);
    core.lanes = Queues::of_part(scope.clone());
    core.index = Index::shared();
    core.scope = scope;
    core
}
