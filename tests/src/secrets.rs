//! What must never stand in a log. Every secret that a test sends, is given or
//! configures is noted, and when one of our programs ends, its whole log is
//! searched for all of them, and for anything that looks like a secret.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, SET_COOKIE};
use serde_json::Value;

use crate::answer::Answer;
use crate::bad_input::NO_NAMES;

/// Bytes of the shortest text that is looked for: shorter ones stand in a log
/// by chance.
const SHORTEST: usize = 8;

/// Bytes of the longest.
const LONGEST: usize = 16 * 1024;

/// Passwords of tests that are words of a log too.
const WORDS: [&str; 2] = ["password", "anything"];

/// Patterns of secrets, of any origin: a name, a text that is in each,
/// so that few lines are looked at closely, and the shape.
const SHAPES: [(&str, &str, &str); 8] = [
    ("an access token", "rf", "rf[prt]_[A-Za-z0-9_-]{20}"),
    ("a signed token", ".eyJ", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ"),
    (
        "a header with credentials",
        "uthorization",
        r#"[Aa]uthorization"?\s*[:=]\s*\S"#,
    ),
    ("credentials", "Basic ", "Basic [A-Za-z0-9+/]{12}"),
    ("a token", "Bearer ", "Bearer [A-Za-z0-9._~+/-]{20}"),
    (
        "a cookie",
        "refity_session",
        r"refity_session[A-Za-z0-9_]*=",
    ),
    ("the hash of a password", "$argon2", r"\$argon2"),
    (
        "a private key",
        "-----BEGIN ",
        "-----BEGIN [A-Z ]*PRIVATE KEY",
    ),
];

static SHAPE: LazyLock<[(&str, &str, Regex); 8]> = LazyLock::new(|| {
    SHAPES.map(|(name, within, shape)| (name, within, Regex::new(shape).expect("a shape")))
});

/// All that was noted in this program.
static NOTED: LazyLock<Mutex<Noted>> = LazyLock::new(Mutex::default);

/// Secrets, by their first bytes: a log is gone through once, however many
/// there are.
#[derive(Default)]
struct Noted {
    by_head: HashMap<[u8; SHORTEST], Vec<String>>,
    all: HashSet<String>,
}

impl Noted {
    fn note(&mut self, text: &str) {
        let fits = (SHORTEST..=LONGEST).contains(&text.len());
        if !fits || is_known(text) || !self.all.insert(text.to_owned()) {
            return;
        }
        if let Some((head, _)) = text.as_bytes().split_first_chunk() {
            self.by_head.entry(*head).or_default().push(text.to_owned());
        }
    }

    /// The first of them that stands in the line.
    fn find_in(&self, line: &str) -> Option<&str> {
        let line = line.as_bytes();
        let places = line.windows(SHORTEST).enumerate();
        places
            .filter_map(|(at, head)| Some((at, self.by_head.get(head)?)))
            .flat_map(|(at, texts)| texts.iter().map(move |text| (at, text)))
            .find(|(at, text)| line[*at..].starts_with(text.as_bytes()))
            .map(|(_, text)| text.as_str())
    }
}

/// Whether it is no secret: a word, or what every field and path is tried with,
/// of which one letter over and over tries a limit.
fn is_known(text: &str) -> bool {
    let is_one_letter = text.chars().all(|it| text.starts_with(it));
    is_one_letter || WORDS.contains(&text) || NO_NAMES.contains(&text)
}

fn noted() -> MutexGuard<'static, Noted> {
    NOTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a secret.
pub fn note(text: &str) {
    noted().note(text);
}

/// Notes a variable's value, if its name says that it is a secret's.
pub(crate) fn note_variable(name: &str, value: &str) {
    const SECRET: [&str; 4] = ["PASSWORD", "PASSPHRASE", "SECRET", "TOKEN"];
    if SECRET.iter().any(|end| name.ends_with(end)) {
        note(value);
    }
    // A proxy's may stand in its URL.
    if let Some((before, _)) = value.split_once('@')
        && let Some((_, userinfo)) = before.split_once("://")
        && let Some((_, password)) = userinfo.split_once(':')
    {
        note(password);
    }
}

/// Notes what a request tells in confidence.
pub(crate) fn note_request(request: &Request) {
    let headers = request.headers();
    for value in texts(headers, AUTHORIZATION.as_str()) {
        let (scheme, value) = value.split_once(' ').unwrap_or(("", value));
        note(value);
        let pair = STANDARD.decode(value).ok().filter(|_| scheme == "Basic");
        let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
        if let Some((_, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) {
            note(password);
        }
    }
    for cookie in texts(headers, COOKIE.as_str()) {
        cookie.split("; ").for_each(note_cookie);
    }
    let query = request.url().query_pairs();
    query.for_each(|(name, value)| note_field(&name, &value));
    let Some(body) = request.body().and_then(reqwest::Body::as_bytes) else {
        return;
    };
    let kind = texts(headers, CONTENT_TYPE.as_str()).next().unwrap_or("");
    if kind.starts_with("application/x-www-form-urlencoded") {
        let url = format!("http://form/?{}", String::from_utf8_lossy(body));
        let form = reqwest::Url::parse(&url);
        for (name, value) in form.iter().flat_map(reqwest::Url::query_pairs) {
            note_field(&name, &value);
        }
    } else if let Ok(json) = serde_json::from_slice(body) {
        note_json(&json);
    }
}

/// Notes what an answer tells in confidence.
pub(crate) fn note_answer(answer: &Answer) {
    for cookie in texts(&answer.headers, SET_COOKIE.as_str()) {
        note_cookie(cookie.split("; ").next().unwrap_or(""));
    }
    let kind = answer.header(CONTENT_TYPE.as_str()).unwrap_or("");
    if kind.starts_with("application/json") {
        note_json(&answer.json());
    }
}

fn texts<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok())
}

fn note_cookie(pair: &str) {
    if let Some((name, value)) = pair.split_once('=')
        && name.contains("refity_session")
    {
        note(value);
    }
}

fn note_field(name: &str, value: &str) {
    const SECRET: [&str; 3] = ["password", "secret", "token"];
    if SECRET.iter().any(|end| name.ends_with(end)) {
        note(value);
    }
}

fn note_json(json: &Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) => note_field(name, text),
                    other => note_json(other),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(note_json),
        _ => {}
    }
}

/// A line of a log that tells a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Leak {
    what: String,
    line: String,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 400;
        let line: String = self.line.chars().take(SHOWN).collect();
        write!(f, "{}: {line}", self.what)
    }
}

/// The lines that tell secrets, the first few of them.
#[must_use]
pub fn leaks(log: &str) -> Vec<Leak> {
    const TOLD: usize = 5;
    let noted = noted();
    let mut leaks = Vec::new();
    for line in log.lines() {
        let shape = SHAPE
            .iter()
            .find(|(_, within, shape)| line.contains(within) && shape.is_match(line));
        let what = match (noted.find_in(line), shape) {
            (Some(secret), _) => format!("a secret that a test knows, {secret:?}"),
            (None, Some((name, ..))) => (*name).to_owned(),
            (None, None) => continue,
        };
        let line = line.to_owned();
        leaks.push(Leak { what, line });
        if leaks.len() == TOLD {
            break;
        }
    }
    leaks
}
