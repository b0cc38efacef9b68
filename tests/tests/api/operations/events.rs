//! Events as they happen: what is sent, to which accounts, and how a stream ends.

use std::time::Duration;

use refity_tests::app::TestApp;
use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, Lab, PASSWORD};
use refity_tests::random;
use reqwest::Method;
use serde_json::{Value, json};

use super::user;

/// Longer than a stream is ever silent.
const LIMIT: Duration = Duration::from_secs(60);

/// What came: an event, or a comment.
#[derive(Debug, Default)]
struct Event {
    name: String,
    id: String,
    data: Value,
    comment: bool,
}

/// A stream of events.
struct Events {
    response: reqwest::Response,
    buffer: String,
}

impl Events {
    async fn open(client: &Client, last: Option<&str>) -> Self {
        let mut request = client.request(Method::GET, "/api/events");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        Self::of(request).await
    }

    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers().get(name).cloned();
        let kind = header("content-type").expect("a type");
        assert_eq!(kind, "text/event-stream");
        assert_eq!(header("x-accel-buffering").expect("a header"), "no");
        Self {
            response,
            buffer: String::new(),
        }
    }

    /// The next event or comment; `None` if the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let mut event = Event::default();
                for line in block.lines() {
                    match line.split_once(':').expect("a field") {
                        ("", _) => event.comment = true,
                        ("event", name) => name.trim().clone_into(&mut event.name),
                        ("id", id) => id.trim().clone_into(&mut event.id),
                        ("data", data) => event.data = serde_json::from_str(data).expect("JSON"),
                        _ => {}
                    }
                }
                self.buffer = rest.to_owned();
                return Some(event);
            }
            let piece = tokio::time::timeout(LIMIT, self.response.chunk()).await;
            let piece = piece.expect("something within a minute").ok()??;
            self.buffer += std::str::from_utf8(&piece).expect("UTF-8");
        }
    }

    /// The next event for which this holds.
    async fn until(&mut self, holds: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await.expect("no end");
            if holds(&event) {
                return event;
            }
        }
    }

    /// Reads until it ends.
    async fn end(&mut self) {
        while self.next().await.is_some() {}
    }
}

fn is_done(event: &Event, digest: &str) -> bool {
    let job = &event.data;
    event.name == "job" && job["digest"] == digest && job["state"] == "done"
}

#[tokio::test]
async fn a_push_is_told_as_it_goes_and_what_was_missed_is_told_again() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let mut events = Events::open(&client, None).await;
    assert!(events.next().await.expect("a comment").comment);
    let snapshot = events.until(|event| !event.comment).await;
    assert_eq!(snapshot.name, "snapshot");
    assert!(snapshot.data["jobs"].is_array() && snapshot.data["health"].is_object());
    let digest = client
        .push_blob("team/app", random::bytes(10))
        .await
        .unwrap();
    let link = |event: &Event| event.data["kind"] == "link_blob" && is_done(event, &digest);
    let done = events.until(link).await;
    assert_eq!(done.data["repo"], "team/app");

    // Another watches from then on, and the first comes again.
    let last = if done.id.is_empty() {
        events.until(|event| !event.id.is_empty()).await.id
    } else {
        done.id
    };
    let mut other = Events::open(&client, None).await;
    let digest = client
        .push_blob("team/app", random::bytes(10))
        .await
        .unwrap();
    other.until(|event| is_done(event, &digest)).await;
    drop(events);
    let mut again = Events::open(&client, Some(&last)).await;
    let first = again.until(|event| !event.comment).await;
    assert!(
        ["job", "health"].contains(&first.name.as_str()),
        "{first:?}"
    );
    if !is_done(&first, &digest) {
        again.until(|event| is_done(event, &digest)).await;
    }
    // Of a place that nobody remembers there is all again.
    let mut lost = Events::open(&client, Some("0-17")).await;
    let first = lost.until(|event| !event.comment).await;
    assert_eq!(first.name, "reset");
    assert_eq!(lost.until(|event| !event.comment).await.name, "snapshot");
}

#[tokio::test]
async fn nobody_is_told_of_what_they_may_not_read() {
    let lab = TestApp::builder().group("other").start().await;
    let (client, reader) = (lab.client(), user(&lab, "reader", 1));
    let mut events = Events::open(&reader, None).await;
    let told = |event: &Event| event.name == "job";
    events.until(|event| event.name == "snapshot").await;
    for repository in ["other/app", "team/app", "other/app", "team/app"] {
        client
            .push_blob(repository, random::bytes(10))
            .await
            .unwrap();
        lab.wait_until_stored().await;
        if repository == "team/app" {
            for _ in 0..2 {
                let event = events.until(told).await;
                assert_eq!(event.data["repo"], "team/app", "{event:?}");
                assert!(event.data["worker"].is_null());
            }
        }
    }
    let mut later = Events::open(&reader, None).await;
    let snapshot = later.until(|event| event.name == "snapshot").await;
    for job in snapshot.data["jobs"].as_array().unwrap() {
        assert_eq!(job["repo"], "team/app", "{job}");
    }
    // A right that is taken away is gone from the stream, too.
    lab.database().revoke_all_grants();
    let anybody = client.push_blob("team/app", random::bytes(10)).await;
    anybody.unwrap();
    lab.wait_until_stored().await;
    let mut later = Events::open(&reader, None).await;
    let snapshot = later.until(|event| event.name == "snapshot").await;
    assert_eq!(snapshot.data["jobs"], json!([]));
    Client::anonymous(lab.address(0))
        .get("/api/events")
        .await
        .gives(401);
}

#[tokio::test]
async fn a_revoked_session_ends_its_stream() {
    let lab = TestApp::start().await;
    let login = json!({ "username": ADMIN, "password": PASSWORD });
    let client = lab.client();
    let signed_in = client.post_json("/api/auth/login", &login).await;
    let token = signed_in.gives(200).json()["token"].clone();
    let token = token.as_str().expect("a token").to_owned();
    let anonymous = Client::anonymous(lab.address(0));
    let request = anonymous.request(Method::GET, "/api/events");
    let mut events = Events::of(request.bearer_auth(token)).await;
    events.until(|event| event.name == "snapshot").await;
    lab.database().end_all_sessions();
    // Within seconds: at most one heartbeat can come between.
    let mut heartbeats = 0;
    while let Some(event) = events.next().await {
        heartbeats += usize::from(event.comment);
        assert!(heartbeats <= 1, "the stream goes on");
    }
}

#[tokio::test]
async fn the_storage_is_told_when_it_goes_and_comes() {
    let mut lab = Lab::start().await;
    lab.wait_until_stored().await;
    let client = lab.client();
    let mut events = Events::open(&client, None).await;
    let snapshot = events.until(|event| event.name == "snapshot").await;
    assert_eq!(snapshot.data["health"]["state"], "up");
    assert_eq!(snapshot.data["health"]["uploader_runs"], true);
    lab.sshd_mut().kill();
    client
        .push_blob("team/app", random::bytes(10))
        .await
        .unwrap();
    let health = |state: &'static str| {
        move |event: &Event| event.name == "health" && event.data["state"] == state
    };
    let down = events.until(health("down")).await;
    assert!(down.data["message"].is_string(), "{down:?}");
    lab.sshd_mut().restart().unwrap();
    let up = events.until(health("up")).await;
    assert!(up.data["message"].is_null());
}

#[tokio::test]
async fn one_account_has_few_streams_and_the_gateway_ends_with_all_open() {
    let lab = Lab::start().await;
    let client = lab.client();
    let mut streams = Vec::new();
    let refused = loop {
        let request = client.request(Method::GET, "/api/events");
        let response = request.send().await.expect("an answer");
        if response.status() != 200 {
            break response;
        }
        streams.push(Events {
            response,
            buffer: String::new(),
        });
        assert!(streams.len() < 100, "there is no limit");
    };
    assert_eq!(refused.status(), 429);
    streams.truncate(3);
    for events in &mut streams {
        events.until(|event| event.name == "snapshot").await;
    }
    // Within the time that answers under way have, and not at its end.
    lab.gateway(0).signal(rustix::process::Signal::TERM);
    let status = lab.gateway(0).ended(Duration::from_secs(30)).await;
    assert_eq!(status.code(), Some(0));
    for events in &mut streams {
        events.end().await;
    }
}
