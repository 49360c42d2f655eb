//! Lists that are read in pages, by age.

use hospes_protocol::Timestamp;

/// A place in a list ordered by age: the record after which a page begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub created_at: Timestamp,
    pub id: String,
}

impl Position {
    /// Before the first record.
    pub const START: Self = Self { created_at: Timestamp(i64::MIN), id: String::new() };
    /// After the last record.
    pub const END: Self = Self { created_at: Timestamp(i64::MAX), id: String::new() };

    /// Before the first record that is younger than `time`.
    pub fn after(time: Timestamp) -> Self {
        Self { created_at: Timestamp(time.0.saturating_add(1)), id: String::new() }
    }
}
