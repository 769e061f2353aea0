//! Discovery: from the first messages of a feed to what each path means.
//!
//! Evidence goes first: which fields decide what else is present (kinds), which texts recur and make numbers less
//! spread (keys), which numbers go up by one (sequences). Names break ties and speak where few messages came.
//! What was decided stays decided; what appears later is added.

pub(crate) mod extend;
pub(crate) mod facts;
pub(crate) mod growth;
pub(crate) mod hints;
pub(crate) mod keys;
pub(crate) mod kinds;
pub(crate) mod late;
pub(crate) mod learned;
pub(crate) mod maps;
pub(crate) mod names;
pub(crate) mod observed;
pub(crate) mod pinned;
pub(crate) mod roles;
pub(crate) mod sequence;
pub(crate) mod shapes;
pub(crate) mod table;
pub(crate) mod topics;
pub(crate) mod watch;
pub(crate) mod weigh;
