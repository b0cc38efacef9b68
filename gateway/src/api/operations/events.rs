//! Live updates as server-sent events (HTML Living Standard, section 9.2).

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use refity_store::{ChangedJob, HealthState, Job, Principal, Readable, Store, StoreError, Trouble};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Identity, rights};
use crate::api::ApiError;
use crate::api::extract::{Caller, Guarded};
use crate::api::openapi::SignedIn;
use crate::api::operations::transfer::{Audience, Transfer, pushes};
use crate::job_events::{Condition, EventId, Snapshot, StreamLimit, Subscription, Update};
use crate::state::AppState;
use crate::timestamp::rfc3339;

/// The interval of keep-alive comments, so that proxies keep the connection
/// open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often the permissions are read again while there are changes.
const RIGHTS: Duration = Duration::from_secs(2);

/// How long a browser waits before it reconnects.
const COME_AGAIN: Duration = Duration::from_secs(2);

/// The maximum number of repositories whose permissions a stream caches.
const REMEMBERED_MAX: usize = 4096;

/// Disables response buffering in proxies (nginx).
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// The state of the storage, and whether an uploader is running.
#[derive(Serialize, ToSchema)]
pub(super) struct HealthNow {
    /// `unknown`, `up`, `down` or `needs_person`.
    #[schema(example = "up")]
    state: &'static str,
    since: String,
    /// The error code, if the storage is failing.
    code: Option<String>,
    /// What is wrong; `null` unless you are an administrator.
    message: Option<String>,
    /// What to do; `null` unless you are an administrator.
    hint: Option<String>,
    /// Whether an uploader is running.
    uploader_runs: bool,
}

impl HealthNow {
    fn new(condition: &Condition, admin: bool) -> Self {
        let (state, trouble) = describe(&condition.health.state);
        let told = trouble.filter(|_| admin);
        Self {
            state,
            since: rfc3339(condition.health.since),
            code: trouble.map(|it| it.code.clone()),
            message: told.map(|it| it.message.clone()),
            hint: told.and_then(|it| it.hint.clone()),
            uploader_runs: condition.uploader_runs,
        }
    }
}

/// Returns the name of the state, and the trouble if there is one.
pub(super) fn describe(state: &HealthState) -> (&'static str, Option<&Trouble>) {
    match state {
        HealthState::Unknown => ("unknown", None),
        HealthState::Up => ("up", None),
        HealthState::Down(trouble) => ("down", Some(trouble)),
        HealthState::NeedsPerson(trouble) => ("needs_person", Some(trouble)),
    }
}

/// The data of `snapshot`.
#[derive(Serialize, ToSchema)]
pub(super) struct Everything {
    /// The newest transfers of each state, and those that finished in the last
    /// minute.
    jobs: Vec<Transfer>,
    health: HealthNow,
}

/// The route for events.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Streams live updates.
///
/// Server-sent events: `snapshot` (the current `jobs` and `health`), then `job`
/// (one transfer, as in `GET /api/jobs/{id}`; at most two per second and
/// transfer), `health` (the storage), and `reset` (some changes were not sent:
/// a `snapshot` follows, and clients should reload their lists). A client that
/// reconnects with `Last-Event-ID` receives the events that it missed, if they
/// are still available. The stream ends when the credentials expire.
#[utoipa::path(get, path = "/events", tag = "transfers",
    params(("Last-Event-ID" = Option<String>, Header,
        description = "The id of the last event that was received")),
    responses(
        (status = 200, description = "A stream of events", content_type = "text/event-stream",
         body = Everything, example = json!("event: job\nid: 5f3a-12\ndata: {\"id\":17}\n\n")),
        SignedIn,
    ))]
pub(super) async fn events(
    Caller { state, caller }: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let id = last.and_then(EventId::parse);
    let subscription = state.job_events.subscribe(&caller.name(), id.as_ref());
    let subscription = subscription.map_err(|too_many| {
        ApiError::TooMany(match too_many {
            StreamLimit::Account => "you have too many event streams open: close one".to_owned(),
            StreamLimit::Total => "too many event streams are open".to_owned(),
        })
    })?;
    let from = last.map(|_| id);
    let events = EventStream::new(&state, caller, subscription, from);
    let events = stream::unfold(events, async |mut events| {
        let event = events.next().await?;
        Some((Ok::<_, Infallible>(event), events))
    });
    Ok(([UNBUFFERED], Sse::new(events)).into_response())
}

/// An open stream.
struct EventStream {
    store: Store,
    shutdown: watch::Receiver<bool>,
    subscription: Subscription,
    who: Identity,
    readable: Readable,
    /// Whether the caller may read a repository, as far as this was checked
    /// since the permissions were read.
    may_read: HashMap<String, bool>,
    waiting: VecDeque<Event>,
    /// The last received update; `None` to start with a snapshot.
    told: Option<u64>,
    heartbeat: Instant,
    rights: Instant,
    polls: u64,
}

impl EventStream {
    /// Creates a stream. `from` is the last event that a reconnecting client
    /// received; `Some(None)` if its id is invalid.
    fn new(
        state: &AppState,
        who: Identity,
        subscription: Subscription,
        from: Option<Option<EventId>>,
    ) -> Self {
        let now = Instant::now();
        // Sent immediately, so that proxies and browsers know that the stream
        // works.
        let first = Event::default().comment("welcome").retry(COME_AGAIN);
        let mut events = Self {
            store: state.node.store.clone(),
            shutdown: state.shutdown.clone(),
            readable: rights::readable(&who),
            who,
            may_read: HashMap::new(),
            waiting: VecDeque::from([first]),
            told: None,
            heartbeat: now + HEARTBEAT,
            rights: now + RIGHTS,
            polls: 0,
            subscription,
        };
        match from {
            Some(Some(id)) if events.subscription.missed.is_some() => {
                events.told = Some(id.number);
            }
            Some(_) => events.reset(),
            None => {}
        }
        events
    }

    fn reset(&mut self) {
        let words = "{\"reason\":\"more has changed than is remembered\"}";
        let event = Event::default().event("reset").data(words);
        self.waiting.push_back(event);
        self.told = None;
    }

    /// Returns the next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        // Send the missed updates first, as if they were new.
        if let Some(missed) = self.subscription.missed.take() {
            for update in missed {
                self.tell(&update).await.ok()?;
            }
        }
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            // For a new stream, the snapshot of another stream's poll is up to
            // date.
            if self.told.is_none()
                && let Some(snapshot) = self.subscription.snapshot()
            {
                self.begin(&snapshot).await.ok()?;
                continue;
            }
            tokio::select! {
                biased;
                () = shut_down(&mut self.shutdown) => return None,
                () = tokio::time::sleep_until(self.heartbeat.min(self.rights)) => {
                    self.refresh_rights().await?;
                }
                update = self.subscription.updates.recv() => match update {
                    Ok(update) => self.tell(&update).await.ok()?,
                    Err(RecvError::Lagged(_)) => self.reset(),
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    /// Reads the permissions again if they may have changed. Returns `None` if
    /// the credentials have expired.
    async fn refresh_rights(&mut self) -> Option<()> {
        let now = Instant::now();
        let beats = now >= self.heartbeat;
        if beats {
            self.waiting
                .push_back(Event::default().comment("still here"));
            self.heartbeat = now + HEARTBEAT;
        }
        self.rights = now + RIGHTS;
        let polls = self.subscription.polls();
        if !beats && polls == self.polls {
            return Some(());
        }
        self.polls = polls;
        let status = self
            .store
            .credential_status(&self.who.credential, None)
            .await;
        let status = match status {
            Ok(status) => status?,
            // A busy database does not end the session.
            Err(StoreError::Busy) => return Some(()),
            Err(_) => return None,
        };
        if let Principal::User(user) = &status.principal
            && user.must_change_password
        {
            return None;
        }
        self.who.principal = status.principal;
        self.who.scopes = status.scopes;
        self.readable = rights::readable(&self.who);
        self.may_read.clear();
        Some(())
    }

    fn audience(&self) -> Audience {
        Audience {
            admin: rights::may_administer(&self.who),
            now: self.store.clock().wall_ms(),
        }
    }

    /// Queues the initial snapshot.
    async fn begin(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let jobs = self.transfers(&snapshot.jobs).await?;
        let health = HealthNow::new(&snapshot.condition, self.audience().admin);
        let event = Event::default().event("snapshot");
        let event = event.id(self.subscription.id(snapshot.number));
        self.push(event, &Everything { jobs, health });
        self.told = Some(snapshot.number);
        Ok(())
    }

    /// Queues the events of an update that this stream may see. Only the last
    /// event has the update's id: a client that disconnects earlier has not
    /// received the whole update.
    async fn tell(&mut self, update: &Update) -> Result<(), StoreError> {
        if self.told.is_none_or(|told| update.number <= told) {
            return Ok(());
        }
        if update.incomplete {
            self.reset();
            return Ok(());
        }
        let jobs = self.transfers(&update.jobs).await?;
        let id = self.subscription.id(update.number);
        let admin = self.audience().admin;
        let health = update.condition.as_ref();
        let health = health.map(|condition| HealthNow::new(condition, admin));
        let count = jobs.len() + usize::from(health.is_some());
        let mut left = count;
        let mut event = |name: &str| {
            left -= 1;
            let event = Event::default().event(name);
            if left == 0 { event.id(&id) } else { event }
        };
        let mut events = Vec::with_capacity(count);
        for job in jobs {
            events.push((event("job"), serde_json::to_string(&job)));
        }
        if let Some(health) = health {
            events.push((event("health"), serde_json::to_string(&health)));
        }
        for (event, data) in events {
            // Serializing plain numbers and texts cannot fail.
            self.waiting.push_back(event.data(data.unwrap_or_default()));
        }
        self.told = Some(update.number);
        Ok(())
    }

    fn push(&mut self, event: Event, data: &impl Serialize) {
        let data = serde_json::to_string(data).unwrap_or_default();
        self.waiting.push_back(event.data(data));
    }

    /// Converts the jobs that the caller may see.
    async fn transfers(&mut self, jobs: &[ChangedJob]) -> Result<Vec<Transfer>, StoreError> {
        let mut seen: Vec<Job> = Vec::new();
        self.ask(jobs).await?;
        let all = self.readable == Readable::All;
        for ChangedJob { job, repositories } in jobs {
            let may_read = |name: &&String| self.may_read.get(*name) == Some(&true);
            let readable = repositories.iter().find(may_read);
            if all {
                seen.push(job.clone());
            } else if let Some(name) = readable {
                let mut job = job.clone();
                if job.repository.as_ref() != Some(name) {
                    // The job belongs to a push that others may read.
                    job.push = job.id;
                    job.repository = Some(name.clone());
                }
                seen.push(job);
            }
        }
        let pushes = pushes(&self.store, seen.iter()).await?;
        let to = self.audience();
        let shown = seen.into_iter().map(|job| {
            let push = pushes.get(&job.push);
            Transfer::new(job, push, to)
        });
        Ok(shown.collect())
    }

    /// Reads the missing permissions on the repositories of these jobs.
    async fn ask(&mut self, jobs: &[ChangedJob]) -> Result<(), StoreError> {
        if self.readable == Readable::All {
            return Ok(());
        }
        if self.may_read.len() > REMEMBERED_MAX {
            self.may_read.clear();
        }
        let names = jobs.iter().flat_map(|job| &job.repositories);
        let mut unknown: Vec<String> = names
            .filter(|name| !self.may_read.contains_key(*name))
            .cloned()
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        unknown.sort_unstable();
        unknown.dedup();
        let readable = self.readable.clone();
        let may = self.store.readable_of(unknown.clone(), readable).await?;
        for name in unknown {
            let may = may.contains(&name);
            self.may_read.insert(name, may);
        }
        Ok(())
    }
}

async fn shut_down(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the process is shutting down already.
    let _ = shutdown.wait_for(|begun| *begun).await;
}
