//! The usage of a Hetzner Storage Box, from Hetzner's API
//! (`GET /v1/storage_boxes/{id}`). A response is current for ten minutes. After
//! that, or while the API fails, it is shown with its age.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refity_config::UsageSettings;
use refity_config::clock::{Clock, millis};
use refity_store::Trouble;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

/// How long a response is current.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// The time between two attempts when the API fails.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// The limits for the wait after the API has rejected a request because of its
/// rate limit.
const LIMITED_MIN: Duration = Duration::from_secs(60);
const LIMITED_MAX: Duration = Duration::from_secs(60 * 60);

/// The time limit of a request to the API.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// How long a caller waits if no numbers are known yet.
const PATIENCE: Duration = Duration::from_secs(3);

/// The maximum length of a response in bytes.
const ANSWER_MAX: usize = 256 * 1024;

/// The usage of the box, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoxUsage {
    pub(crate) used: u64,
    pub(crate) total: u64,
    /// Part of the used bytes.
    pub(crate) snapshots: u64,
}

/// The known numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The last response, and its age.
    pub(crate) usage: Option<(BoxUsage, Duration)>,
    /// Why there is no newer response.
    pub(crate) trouble: Option<Trouble>,
    /// Whether the response is out of date.
    pub(crate) stale: bool,
}

/// The fields of the API's response.
#[derive(Deserialize)]
struct Answer {
    storage_box: StorageBox,
}

#[derive(Deserialize)]
struct StorageBox {
    storage_box_type: BoxType,
    /// `None` while the box is being created.
    stats: Option<Stats>,
}

#[derive(Deserialize)]
struct BoxType {
    size: u64,
}

#[derive(Deserialize)]
struct Stats {
    size: u64,
    #[serde(default)]
    size_snapshots: u64,
}

#[derive(Default)]
struct Cache {
    /// The usage, and when it was received: milliseconds since boot, as below.
    usage: Option<(BoxUsage, i64)>,
    trouble: Option<Trouble>,
    /// The API is not queried before this time.
    rests_until: Option<i64>,
}

/// Queries and caches the usage. There is one per process.
pub(crate) struct Usage {
    settings: UsageSettings,
    clock: Clock,
    http: reqwest::Client,
    cache: Mutex<Cache>,
    /// Locked during a query, so that one query serves all waiting callers.
    asking: tokio::sync::Mutex<()>,
}

impl Usage {
    /// Creates a client with these settings.
    ///
    /// # Errors
    /// If TLS is not available or the proxy is invalid.
    pub(crate) fn new(settings: UsageSettings, clock: Clock) -> Result<Arc<Self>, reqwest::Error> {
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("refity/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_MAX);
        // Otherwise, the client would read the proxy from the environment
        // itself.
        if let Some(proxy) = &settings.proxy {
            http = http.proxy(reqwest::Proxy::all(proxy.expose())?);
        }
        Ok(Arc::new(Self {
            http: http.build()?,
            settings,
            clock,
            cache: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }))
    }

    /// Returns the known numbers, and refreshes them in the background if they
    /// are old. A caller waits only if no numbers are known, and not for long.
    pub(crate) async fn known(self: &Arc<Self>) -> Known {
        if self.is_due() {
            let this = Arc::clone(self);
            let asked = tokio::spawn(async move { this.refresh().await });
            if self.lock().usage.is_none() {
                // After a timeout, return what is known by then.
                let _ = tokio::time::timeout(PATIENCE, asked).await;
            }
        }
        let cache = self.lock();
        let usage = cache.usage.map(|(usage, at)| (usage, self.since(at)));
        let waits = usage.is_none() && cache.trouble.is_none();
        Known {
            stale: usage.is_some_and(|(_, age)| age >= FRESH),
            trouble: match waits {
                true => Some(trouble(
                    "no_answer",
                    "Hetzner's API has not answered yet",
                    None,
                )),
                false => cache.trouble.clone(),
            },
            usage,
        }
    }

    fn is_due(&self) -> bool {
        let cache = self.lock();
        let rests = cache
            .rests_until
            .is_some_and(|until| self.clock.boot_ms() < until);
        !rests && cache.usage.is_none_or(|(_, at)| self.since(at) >= FRESH)
    }

    async fn refresh(&self) {
        let _turn = self.asking.lock().await;
        if !self.is_due() {
            return;
        }
        let answer = self.ask().await;
        let now = self.clock.boot_ms();
        let mut cache = self.lock();
        match answer {
            Ok(usage) => {
                cache.usage = Some((usage, now));
                (cache.trouble, cache.rests_until) = (None, None);
            }
            Err((trouble, rest)) => {
                tracing::warn!(code = trouble.code, "{}", trouble.message);
                cache.trouble = Some(trouble);
                cache.rests_until = Some(now + millis(rest));
            }
        }
    }

    async fn ask(&self) -> Result<BoxUsage, (Trouble, Duration)> {
        let UsageSettings {
            api, box_id, token, ..
        } = &self.settings;
        let request = self.http.get(format!("{api}/v1/storage_boxes/{box_id}"));
        let answer = request.bearer_auth(token.expose()).send().await;
        // The error contains the URL, which has no secret, but no headers.
        let lost = |error: &reqwest::Error| {
            let words = format!("Hetzner's API cannot be reached: {}", causes(error));
            let hint = "Look at the connection to the internet, and at HTTPS_PROXY.";
            (trouble("connection", &words, Some(hint)), RETRY_INTERVAL)
        };
        let mut answer = answer.map_err(|error| lost(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(refused(answer.status(), answer.headers(), *box_id));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| lost(&error))? {
            body.extend_from_slice(&piece);
            if body.len() > ANSWER_MAX {
                return Err(strange("it is too long"));
            }
        }
        read(&body).map_err(|words| strange(&words))
    }

    fn since(&self, at: i64) -> Duration {
        let age = self.clock.boot_ms() - at;
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(body: &[u8]) -> Result<BoxUsage, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let StorageBox {
        storage_box_type,
        stats,
    } = answer.storage_box;
    let stats = stats.ok_or("the box has no statistics yet")?;
    Ok(BoxUsage {
        used: stats.size,
        total: storage_box_type.size,
        snapshots: stats.size_snapshots,
    })
}

fn strange(words: &str) -> (Trouble, Duration) {
    let words = format!("the answer of Hetzner's API cannot be read: {words}");
    (trouble("answer", &words, None), RETRY_INTERVAL)
}

fn refused(status: StatusCode, headers: &HeaderMap, box_id: u64) -> (Trouble, Duration) {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let words = "Hetzner's API refuses HCLOUD_TOKEN";
            let hint = "Make a token that may read in Hetzner's console, in the project of the \
                        Storage Box, and restart the gateway with it.";
            (trouble("unauthorized", words, Some(hint)), LIMITED_MIN)
        }
        StatusCode::NOT_FOUND => {
            let words = format!("Hetzner's API knows no Storage Box {box_id}");
            let hint = "HETZNER_BOX_ID is the number in the address of the box's page in Hetzner's \
                        console; the token must be of the same project.";
            (trouble("not_found", &words, Some(hint)), LIMITED_MIN)
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let rest = wait_of(headers);
            let words = format!(
                "Hetzner's API was asked too often; it is asked again in {} minutes",
                rest.as_secs().div_ceil(60)
            );
            (trouble("rate_limited", &words, None), rest)
        }
        status => {
            let words = format!("Hetzner's API answers {status}");
            (trouble("api", &words, None), RETRY_INTERVAL)
        }
    }
}

/// Returns the time to wait before the next query: as long as the API asks,
/// within limits.
fn wait_of(headers: &HeaderMap) -> Duration {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let after = number(RETRY_AFTER.as_str());
    let reset = number("ratelimit-reset").map(|at| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        at.saturating_sub(now.map_or(0, |now| now.as_secs()))
    });
    let rest = Duration::from_secs(after.or(reset).unwrap_or(0));
    rest.clamp(LIMITED_MIN, LIMITED_MAX)
}

fn trouble(code: &str, message: &str, hint: Option<&str>) -> Trouble {
    Trouble {
        code: code.to_owned(),
        message: message.to_owned(),
        hint: hint.map(str::to_owned),
    }
}

/// Formats an error with its causes, since its own message says little.
fn causes(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_response_is_parsed() {
        let answer = br#"{"storage_box":{"id":42,"username":"u12345","status":"active",
            "storage_box_type":{"id":7,"name":"bx11","size":1099511627776},
            "stats":{"size":2097152,"size_data":1048576,"size_snapshots":1048576}}}"#;
        let expected = BoxUsage {
            used: 2_097_152,
            total: 1_099_511_627_776,
            snapshots: 1_048_576,
        };
        assert_eq!(read(answer), Ok(expected));
        let new = br#"{"storage_box":{"storage_box_type":{"size":1},"stats":null}}"#;
        for answer in [&b"{}"[..], b"", b"<html>", new] {
            assert!(read(answer).is_err());
        }
    }

    #[test]
    fn waits_after_a_rate_limit_are_clamped() {
        let headers = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        assert_eq!(wait_of(&headers("retry-after", "90")).as_secs(), 90);
        assert_eq!(wait_of(&headers("retry-after", "1")), LIMITED_MIN);
        assert_eq!(
            wait_of(&headers("ratelimit-reset", "99999999999")),
            LIMITED_MAX
        );
        assert_eq!(wait_of(&headers("ratelimit-reset", "soon")), LIMITED_MIN);
    }
}
