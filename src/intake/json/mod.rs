//! JSON of any size: `scan` walks over it as it streams by and keeps little, `read` makes a value of what was kept.

mod read;
mod scan;

pub use read::read;
pub use scan::{Found, Kind, Scan, Scanner, Want};
