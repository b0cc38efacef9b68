//! Parameter and column values, independent of the driver.

use std::borrow::Cow;

use crate::StoreError;

/// The value of a column or of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    /// Stored by SQLite as 0 or 1, and read as an integer.
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

impl Value<'_> {
    fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Real(value) => Value::Real(value),
            Self::Text(value) => Value::Text(value.into_owned().into()),
            Self::Bytes(value) => Value::Bytes(value.into_owned().into()),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Real(_) => "a number",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
        }
    }

    fn is_not(&self, expected: &str) -> StoreError {
        StoreError::Corrupt(format!(
            "a column has {} instead of {expected}",
            self.kind()
        ))
    }
}

/// A type that can be bound to a parameter of a statement.
pub(crate) trait ToValue {
    fn to_value(&self) -> Value<'_>;
}

/// A type that can be read from a column.
pub(crate) trait FromValue: Sized {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError>;
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Integer(value) => Value::Integer(*value),
            Self::Real(value) => Value::Real(*value),
            Self::Text(value) => Value::Text(Cow::Borrowed(value)),
            Self::Bytes(value) => Value::Bytes(Cow::Borrowed(value)),
        }
    }
}

impl FromValue for Value<'static> {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        Ok(value.into_owned())
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        match value {
            Value::Bool(value) => Ok(value),
            Value::Integer(value) => Ok(value != 0),
            other => Err(other.is_not("a boolean")),
        }
    }
}

impl ToValue for i64 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(*self)
    }
}

impl FromValue for i64 {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        match value {
            Value::Integer(value) => Ok(value),
            Value::Bool(value) => Ok(value.into()),
            other => Err(other.is_not("an integer")),
        }
    }
}

impl ToValue for u32 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer((*self).into())
    }
}

impl FromValue for u32 {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        let value = i64::from_value(value)?;
        Self::try_from(value)
            .map_err(|_| StoreError::Corrupt(format!("a column has {value}, out of its range")))
    }
}

impl ToValue for f64 {
    fn to_value(&self) -> Value<'_> {
        Value::Real(*self)
    }
}

impl FromValue for f64 {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        match value {
            Value::Real(value) => Ok(value),
            other => Err(other.is_not("a number")),
        }
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.into())
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        self.as_str().to_value()
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        match value {
            Value::Text(value) => Ok(value.into_owned()),
            other => Err(other.is_not("text")),
        }
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self.into())
    }
}

impl<const N: usize> ToValue for [u8; N] {
    fn to_value(&self) -> Value<'_> {
        self.as_slice().to_value()
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Value<'_> {
        self.as_slice().to_value()
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        match value {
            Value::Bytes(value) => Ok(value.into_owned()),
            other => Err(other.is_not("bytes")),
        }
    }
}

/// The values of a statement's parameters.
pub(crate) trait Params {
    fn values(&self) -> Values<'_>;
}

/// The values of a statement's parameters, by number or by name.
pub(crate) enum Values<'a> {
    Numbered(Vec<Value<'a>>),
    Named(Vec<(&'static str, Value<'a>)>),
}

impl Params for () {
    fn values(&self) -> Values<'_> {
        Values::Numbered(Vec::new())
    }
}

impl<T: ToValue, const N: usize> Params for [T; N] {
    fn values(&self) -> Values<'_> {
        Values::Numbered(self.iter().map(ToValue::to_value).collect())
    }
}

/// The values of `?1`, `?2` and so on.
macro_rules! params {
    ($($value:expr),+ $(,)?) => {
        [$($crate::engine::value::ToValue::to_value(&$value)),+]
    };
}
pub(crate) use params;

/// Values by the names of their parameters (`:name`), for statements that are
/// assembled from parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named<'a>(Vec<(&'static str, Value<'a>)>);

impl<'a> Named<'a> {
    pub(crate) fn new(values: Vec<(&'static str, Value<'a>)>) -> Self {
        Self(values)
    }

    pub(crate) fn push(&mut self, name: &'static str, value: impl ToValue) {
        self.0.push((name, value.to_value().into_owned()));
    }
}

impl Params for Named<'_> {
    fn values(&self) -> Values<'_> {
        let values = self.0.iter();
        Values::Named(
            values
                .map(|(name, value)| (*name, value.to_value()))
                .collect(),
        )
    }
}

impl Params for &Named<'_> {
    fn values(&self) -> Values<'_> {
        (**self).values()
    }
}

/// Values by the names of their parameters.
macro_rules! named_params {
    ($($name:literal: $value:expr),+ $(,)?) => {
        $crate::engine::value::Named::new(vec![
            $(($name, $crate::engine::value::ToValue::to_value(&$value))),+
        ])
    };
}
pub(crate) use named_params;
