//! Conversion of this crate's types to and from database values.

use refity_types::digest::Digest;
use refity_types::name::{FileId, GroupName, RepositoryName, Tag};
use refity_types::rights::Rights;

use crate::StoreError;
use crate::engine::value::{FromValue, ToValue, Value};
use crate::ids::{BlobId, JobId, RobotId, TokenId, UserId};
use crate::{JobKind, JobState, Role, SessionKind};

/// Returns the file of a row, or `None` if its text is not a file id.
pub(crate) fn file_from(text: Option<String>) -> Option<FileId> {
    text.and_then(|text| text.parse().ok())
}

/// Parses text from the database, which was valid when it was written.
pub(crate) fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Corrupt(format!("not well-formed: {text}")))
}

/// Sizes are far below 2^63; larger values are clamped.
impl ToValue for u64 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl FromValue for u64 {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        Ok(Self::try_from(i64::from_value(value)?).unwrap_or(0))
    }
}

macro_rules! as_text {
    ($($type:ty),+) => {$(
        impl ToValue for $type {
            fn to_value(&self) -> Value<'_> {
                self.as_str().to_value()
            }
        }

        impl FromValue for $type {
            fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
                parsed(&String::from_value(value)?)
            }
        }
    )+};
}

as_text!(Digest, GroupName, RepositoryName, Tag);

macro_rules! as_word {
    ($($type:ty),+) => {$(
        impl ToValue for $type {
            fn to_value(&self) -> Value<'_> {
                self.name().to_value()
            }
        }

        impl FromValue for $type {
            fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
                Self::parse(&String::from_value(value)?)
            }
        }
    )+};
}

as_word!(JobKind, JobState, Role, SessionKind);

macro_rules! as_number {
    ($($type:ident),+) => {$(
        impl ToValue for $type {
            fn to_value(&self) -> Value<'_> {
                self.0.to_value()
            }
        }

        impl FromValue for $type {
            fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
                i64::from_value(value).map(Self)
            }
        }
    )+};
}

as_number!(BlobId, JobId, RobotId, TokenId, UserId);

impl ToValue for Rights {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(self.bits().into())
    }
}

impl FromValue for Rights {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        let bits = i64::from_value(value)?;
        let bits =
            u8::try_from(bits).map_err(|_| StoreError::Corrupt(format!("no rights: {bits}")))?;
        Ok(Self::from_bits(bits))
    }
}
