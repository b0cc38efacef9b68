//! The usage card, against a server that answers as Hetzner's documented API
//! does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refity_tests::expect::Expect as _;
use refity_tests::wait;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::operations::gateway::lone::{Lone, PASSWORD};

pub(super) const TOKEN: &str = "the-token-of-the-hetzner-project";
const MINUTE: i64 = 60 * 1000;

/// What the API answers next: a status line's rest, headers, a body. `None`:
/// it is silent.
pub(super) type Answer = Option<(&'static str, &'static str, Value)>;

/// The API: what it answers next, and what it was asked.
pub(super) struct Api {
    url: String,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    pub(super) asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    pub(super) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            asked: Arc::default(),
        };
        let (answers, asked) = (Arc::clone(&api.answers), Arc::clone(&api.asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                asked.lock().unwrap().push(text);
                let answer = answers.lock().unwrap().pop_front();
                let Some(Some((status, headers, body))) = answer else {
                    // Kept open, and silent.
                    std::mem::forget(stream);
                    continue;
                };
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}\
                     Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        api
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    async fn gateway(&self) -> Lone {
        gateway(&self.url, &[]).await
    }

    /// `host:port`.
    pub(super) fn address(&self) -> &str {
        let url = self.url.trim_end_matches('/');
        url.trim_start_matches("http://")
    }
}

/// A gateway that asks the API at this URL, with these variables more.
pub(super) async fn gateway(url: &str, more: &[(&str, &str)]) -> Lone {
    let variables = [
        ("ADMIN_PASSWORD", PASSWORD),
        ("FTP_USAGE_ENABLED", "true"),
        ("HCLOUD_TOKEN", TOKEN),
        ("HETZNER_BOX_ID", "42"),
        ("HCLOUD_API_URL", url),
    ];
    Lone::start_with(&[&variables, more].concat()).await
}

/// As the API's documentation shows it.
pub(super) fn storage_box(used: u64) -> Answer {
    let body = json!({ "storage_box": {
        "id": 42, "username": "u12345", "status": "active", "name": "backup",
        "storage_box_type": { "id": 1333, "name": "bx11", "size": 1_099_511_627_776_u64 },
        "location": { "id": 1, "name": "fsn1" }, "server": "u12345.your-storagebox.de",
        "stats": { "size": used, "size_data": used - 1000, "size_snapshots": 1000 },
        "labels": {}, "protection": { "delete": false }
    }});
    Some(("200 OK", "", body))
}

fn error(status: &'static str, headers: &'static str, code: &str) -> Answer {
    let body = json!({ "error": { "code": code, "message": "words of the API" } });
    Some((status, headers, body))
}

pub(super) async fn card(gateway: &Lone) -> Value {
    gateway
        .client()
        .get("/api/ftp/usage")
        .await
        .gives(200)
        .json()
}

#[tokio::test]
async fn without_a_box_there_is_no_card() {
    let gateway = Lone::start().await;
    assert_eq!(card(&gateway).await, json!({ "enabled": false }));
    gateway.anonymous().get("/api/ftp/usage").await.gives(401);
}

#[tokio::test]
async fn the_api_is_asked_once_and_its_last_answer_ages() {
    let half = 1_099_511_627_776_u64 / 2;
    let failing = error("500 Internal Server Error", "", "server_error");
    let api = Api::start([storage_box(half), failing, storage_box(half / 2)]).await;
    let gateway = api.gateway().await;
    for _ in 0..3 {
        let card = card(&gateway).await;
        assert_eq!(card["enabled"], true);
        assert_eq!(
            (&card["used_size"], &card["snapshots"]),
            (&half.into(), &1000.into())
        );
        assert_eq!(card["total_size"], 1_099_511_627_776_u64);
        assert_eq!(
            (&card["used_size_tb"], &card["total_size_tb"]),
            (&0.5.into(), &1.0.into())
        );
        assert_eq!(
            (&card["usage_percent"], &card["stale"]),
            (&50.0.into(), &false.into())
        );
        assert!(card["error"].is_null(), "{card}");
    }
    assert_eq!(api.asked(), 1);
    let request = api.asked.lock().unwrap()[0].to_ascii_lowercase();
    assert!(
        request.starts_with("get /v1/storage_boxes/42 http/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("authorization: bearer {TOKEN}\r\n")),
        "{request}"
    );
    let storage = gateway.client().get("/api/storage").await.gives(200).json();
    assert_eq!(storage["capacity"]["source"], "hetzner");
    assert_eq!(storage["capacity"]["used"], half);

    gateway.set_clock(11 * MINUTE);
    let limit = Duration::from_secs(30);
    let stale = wait::until_some(limit, async || {
        let card = card(&gateway).await;
        card["error"].is_object().then_some(card)
    });
    let stale = stale.await.expect("the failure is told");
    assert_eq!(
        (&stale["stale"], &stale["used_size"]),
        (&true.into(), &half.into())
    );
    assert!(stale["age_s"].as_u64() >= Some(660), "{stale}");
    gateway.set_clock(13 * MINUTE);
    wait::until("it is asked again", limit, async || {
        card(&gateway).await["used_size"] == half / 2
    })
    .await;
    assert_eq!(api.asked(), 3);
}

#[tokio::test]
async fn refusals_are_told_in_words_and_not_repeated() {
    for (answer, code, words) in [
        (
            error("401 Unauthorized", "", "unauthorized"),
            "unauthorized",
            "HCLOUD_TOKEN",
        ),
        (
            error("404 Not Found", "", "not_found"),
            "not_found",
            "Storage Box 42",
        ),
        (
            error(
                "429 Too Many Requests",
                "Retry-After: 600\r\n",
                "rate_limit_exceeded",
            ),
            "rate_limited",
            "10 minutes",
        ),
        (
            Some(("200 OK", "", json!({ "storage_box": {} }))),
            "answer",
            "cannot be read",
        ),
    ] {
        let api = Api::start([answer]).await;
        let gateway = api.gateway().await;
        for _ in 0..3 {
            let card = card(&gateway).await;
            assert_eq!(card["error"]["code"], code, "{card}");
            let message = card["error"]["message"].as_str().unwrap();
            assert!(message.contains(words), "{message}");
            assert!(
                card["used_size"].is_null() && card["stale"] == false,
                "{card}"
            );
        }
        assert_eq!(api.asked(), 1, "{code}");
    }
}

#[tokio::test]
async fn an_api_that_is_silent_holds_nobody_up() {
    let api = Api::start([None]).await;
    let gateway = api.gateway().await;
    // The request to the API itself may take longer than this answer does.
    let card = card(&gateway).await;
    assert!(card["used_size"].is_null(), "{card}");
    assert_eq!(card["error"]["code"], "no_answer", "{card}");
    gateway.process.terminate().await;
}
