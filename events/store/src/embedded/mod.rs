//! The embedded store: a segmented, append-only log in a directory (D3).
//!
//! [`EmbeddedStore`] writes it, one process at a time; [`ReadOnlyLog`] reads it, also while another
//! process writes. In reading order: `format` and `record` are the bytes, `segment` the files,
//! `scan` reads and checks a log, `tail` tells a torn write from damage, `recover` repairs a log's
//! end, `index` says where everything stands, `read` makes events of it, `queue`, `group`, `repeat` and
//! `writer` append.

mod disk;
mod error;
mod follow;
mod format;
mod group;
mod index;
mod options;
mod queue;
mod read;
mod readonly;
mod record;
mod recover;
mod repeat;
mod scan;
mod segment;
mod store;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

pub use disk::{Disk, RealDisk};
pub use error::{CloseError, OpenError};
pub use options::{EXIT_DISK_FAILED, FatalHook, Options};
pub use readonly::{ReadOnlyLog, Tail};
pub use store::EmbeddedStore;
