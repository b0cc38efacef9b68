//! Ids of rows.

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub(crate) i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id! {
    /// A job.
    JobId
}
row_id! {
    /// A blob.
    BlobId
}
row_id! {
    /// A user account.
    UserId
}
row_id! {
    /// A robot.
    RobotId
}
row_id! {
    /// An access token.
    TokenId
}

impl JobId {
    /// Returns the number used in the names of temporary files.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }
}
