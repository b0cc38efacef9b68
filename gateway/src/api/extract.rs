//! Extractors for handlers, which fail with the API's own errors.

use std::fmt;
use std::marker::PhantomData;

use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use refity_store::{Credential, User};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::ApiError;
use crate::access::{self, AuthError, Identity, rights};
use crate::api::cookie;
use crate::client::ClientAddress;
use crate::state::AppState;

/// The state for the API's handlers: locked until one of the extractors in this
/// file has authenticated the request. A handler can only reach the database
/// through one of them.
#[derive(Clone)]
pub(crate) struct Guarded(AppState);

impl Guarded {
    /// Locks the state.
    pub(crate) fn new(state: AppState) -> Self {
        Self(state)
    }
}

/// Performs no check: the handler authenticates the request itself.
pub(super) struct Public(pub(super) AppState);

impl FromRequestParts<Guarded> for Public {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        Ok(Self(state.0.clone()))
    }
}

/// Authenticates a request: by its credentials, or by a browser's cookie.
///
/// # Errors
/// See [`AuthError`].
pub(super) async fn authenticate(state: &AppState, parts: &Parts) -> Result<Identity, AuthError> {
    let client = ClientAddress::of(&parts.extensions);
    let cookie = cookie::token(&parts.extensions);
    let identity = state.access.authenticate(&parts.headers, client, cookie);
    identity.await
}

/// Any account or robot. A person must have changed the initial password.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) state: AppState,
    pub(crate) caller: Identity,
}

impl FromRequestParts<Guarded> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        let state = state.0.clone();
        let caller = authenticate(&state, parts).await?;
        access::require_own_password(&caller)?;
        Ok(Self { state, caller })
    }
}

/// An administrator whose credential is not limited to some repositories.
pub(super) struct Admin {
    pub(super) state: AppState,
    pub(super) caller: Identity,
}

impl FromRequestParts<Guarded> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        let Caller { state, caller } = Caller::from_request_parts(parts, state).await?;
        if !rights::may_administer(&caller) {
            return Err(ApiError::NotAdmin);
        }
        Ok(Self { state, caller })
    }
}

/// A person who signed in with a password, either in this request or for the
/// session.
pub(super) struct Person {
    pub(super) state: AppState,
    pub(super) caller: Identity,
    pub(super) user: User,
}

impl FromRequestParts<Guarded> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        let Caller { state, caller } = Caller::from_request_parts(parts, state).await?;
        let user = by_password(&caller)?.clone();
        Ok(Self {
            state,
            caller,
            user,
        })
    }
}

/// Returns the caller's account if the caller used a password or a session. An
/// access token is refused because the tokens it created could outlive it.
///
/// # Errors
/// For robots and access tokens.
pub(super) fn by_password(caller: &Identity) -> Result<&User, ApiError> {
    let user = caller.user().ok_or(ApiError::NotPerson)?;
    match caller.credential {
        Credential::Token { .. } => Err(ApiError::Denied(
            "an access token may not do this: sign in with the password".to_owned(),
        )),
        _ => Ok(user),
    }
}

/// A path parameter: a name or a number.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Guarded> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::Invalid(words_of(&rejection.body_text()))),
        }
    }
}

/// A JSON body, which must be an object. Serde would also accept an array, and
/// read its elements as the fields in order.
pub(super) struct Json<T>(pub(super) T);

/// A value that is deserialized from an object only.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

impl<T: DeserializeOwned> FromRequest<Guarded> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Guarded) -> Result<Self, ApiError> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(Object(value))) => Ok(Self(value)),
            Err(rejection) => Err(refused(&rejection)),
        }
    }
}

fn refused(rejection: &JsonRejection) -> ApiError {
    let status = match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            return ApiError::Body(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send the body as JSON, with Content-Type: application/json".to_owned(),
            );
        }
        JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(body))
            if body.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            return ApiError::Body(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {} bytes", super::BODY_MAX),
            );
        }
        _ => StatusCode::BAD_REQUEST,
    };
    let words = words_of(&rejection.body_text());
    ApiError::Body(
        status,
        format!("the body is not what it should be: {words}"),
    )
}

/// Returns the cause, without the prefix that axum adds.
fn words_of(text: &str) -> String {
    let (_, words) = text.split_once(": ").unwrap_or(("", text));
    words.to_owned()
}

/// The query parameters.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Guarded> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::Invalid(words_of(&rejection.body_text()))),
        }
    }
}
