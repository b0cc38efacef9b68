//! Errors of the store.

/// An error of the database. Invalid requests are not errors here but part of a
/// method's result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the database for too long.
    #[error("the database is busy")]
    Busy,
    /// The database cannot grow, since the disk is full.
    #[error("the disk with the database is full")]
    Full,
    /// The file is damaged.
    #[error(
        "the database file is damaged ({0}); move it away and run `refity-uploader rebuild-index`"
    )]
    Corrupt(String),
    /// A database of another program, most likely of the original Go system.
    #[error(
        "refity.db belongs to another program, most likely the original Go Refity; nothing was \
         written to it. Start with an empty DATA_DIR, then take the old one over with \
         `refity-uploader import --from <the old refity.db>`"
    )]
    Foreign,
    /// A database of a development version from before the first release.
    #[error(
        "refity.db has the schema of a development version from before the first release, which \
         this version cannot read; nothing was written to it. Keep running the old program, or \
         move refity.db away and run `refity-uploader rebuild-index`, which makes the index anew \
         without accounts and history"
    )]
    Development,
    /// A database of a later version of this program.
    #[error(
        "the database was made by a later version of Refity: it has seen {seen} migrations, and \
         this version knows {known}; run that version"
    )]
    Newer {
        /// Number of migrations applied to the database.
        seen: i64,
        /// Number of migrations that this version knows.
        known: i64,
    },
    /// The writer's thread has ended.
    #[error("the store has stopped")]
    Stopped,
    /// A read took longer than its lane allows, or waited that long for a
    /// connection.
    #[error("the database did not answer in time")]
    TooSlow,
    /// The work on the database panicked; its changes were rolled back.
    #[error("the work on the database panicked: {0}")]
    Panic(String),
    /// Any other error, with SQLite's message.
    #[error("{0}")]
    Other(String),
}

impl StoreError {
    /// Returns whether a person must act before another start can succeed.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        matches!(
            self,
            Self::Corrupt(_) | Self::Foreign | Self::Development | Self::Newer { .. }
        )
    }
}
