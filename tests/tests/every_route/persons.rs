//! Who asks, and the registry that all of them ask.

use std::sync::atomic::{AtomicU32, Ordering};

use refity_tests::client::{Answer, Client, send, with_form};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, descriptor};
use refity_tests::lab::{ADMIN, Lab, PASSWORD};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

/// The repository that everybody asks about.
pub(super) const APP: &str = "team/app";

/// How one shows who one is.
enum Shows {
    Nothing,
    Password,
    /// A token as Bearer: one for the API, and one of the token service for
    /// the registry. Neither is good any more.
    Ended {
        api: String,
        registry: String,
    },
}

/// Somebody who asks: a column of the table.
pub(super) struct Person {
    /// As the table calls it.
    pub(super) name: &'static str,
    /// The name of the account.
    pub(super) account: String,
    /// What it has as a password.
    pub(super) secret: String,
    shows: Shows,
}

impl Person {
    fn by_password(name: &'static str, account: &str, secret: &str) -> Self {
        Self {
            name,
            account: account.to_owned(),
            secret: secret.to_owned(),
            shows: Shows::Password,
        }
    }

    /// Whether what it shows is worth anything.
    pub(super) fn is_known(&self) -> bool {
        matches!(self.shows, Shows::Password)
    }
}

/// A registry with a group `team`, in which each of the persons may do
/// something else.
pub(super) struct Scene {
    pub(super) lab: Lab,
    pub(super) admin: Client,
    pub(super) persons: Vec<Person>,
    /// What `team/app:v1` is.
    pub(super) image: Image,
    next: AtomicU32,
    /// Clients without credentials, each from an address of its own: wrong
    /// credentials are counted by address.
    elsewhere: Vec<Client>,
}

/// So many addresses come with wrong credentials.
const ELSEWHERE: u8 = 32;

fn password_of(name: &str) -> String {
    format!("the-password-of-{name}")
}

/// In an hour, in the form of RFC 3339, by SQLite.
fn in_an_hour() -> String {
    let database = rusqlite::Connection::open_in_memory().expect("a database");
    let text = "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+1 hour')";
    let text = database.query_row(text, [], |row| row.get(0));
    text.expect("a time")
}

fn text(answer: &Answer, field: &str) -> String {
    let json = answer.json();
    let text = json[field].as_str();
    text.unwrap_or_else(|| panic!("no {field}: {json}"))
        .to_owned()
}

/// `POST /api/token` with this form.
async fn exchange(client: &Client, form: &[(&str, &str)]) -> Answer {
    let request = client.request(Method::POST, "/api/token");
    send(with_form(request, form)).await.gives(200)
}

impl Scene {
    /// All is on SFTP, and no uploader runs any more: transfers stay as a test
    /// puts them.
    pub(super) async fn start() -> Self {
        let lab = Lab::builder().env("TOKEN_LIFETIME", "1h").start().await;
        let (admin, anonymous) = (lab.client(), Client::anonymous(lab.address(0)));
        let new = json!({ "name": "ends", "expires_at": in_an_hour() });
        let expired = admin.post_json("/api/tokens", &new).await.gives(201);
        let asked = "/api/token?service=refity&scope=repository:team/app:pull,push,delete";
        let registry = text(&admin.get(asked).await.gives(200), "token");
        lab.clock_forward(2 * 60 * 60 * 1000);
        let expired = Person {
            name: "expired",
            account: ADMIN.to_owned(),
            secret: text(&expired, "secret"),
            shows: Shows::Ended {
                api: text(&expired, "secret"),
                registry,
            },
        };

        let body = json!({ "username": ADMIN, "password": PASSWORD });
        let session = anonymous.post_json("/api/auth/login", &body).await;
        let session = text(&session.gives(200), "token");
        let form = [
            ("grant_type", "password"),
            ("access_type", "offline"),
            ("service", "refity"),
            ("username", ADMIN),
            ("password", PASSWORD),
        ];
        let refresh = text(&exchange(&anonymous, &form).await, "refresh_token");
        let form = [
            ("grant_type", "refresh_token"),
            ("service", "refity"),
            ("refresh_token", &refresh),
            ("scope", "repository:team/app:pull,push,delete"),
        ];
        let registry = text(&exchange(&anonymous, &form).await, "token");
        let sessions = admin.get("/api/sessions").await.gives(200).json();
        let sessions = sessions["items"].as_array().expect("items");
        assert_eq!(sessions.len(), 2, "of the API and of the registry");
        for session in sessions {
            let id = session["id"].as_str().expect("an id");
            let path = format!("/api/sessions/{id}");
            admin.bare(Method::DELETE, &path).await.gives(204);
        }
        let revoked = Person {
            name: "revoked",
            account: ADMIN.to_owned(),
            secret: refresh,
            shows: Shows::Ended {
                api: session,
                registry,
            },
        };

        let from = |n| Client::anonymous_from([127, 1, 0, n], lab.address(0));
        let elsewhere = (1..=ELSEWHERE).map(from).collect();
        let anonymous = Person {
            name: "anonymous",
            account: "nobody".to_owned(),
            secret: "nobody's password".to_owned(),
            shows: Shows::Nothing,
        };
        let mut scene = Self {
            lab,
            admin,
            persons: vec![anonymous],
            image: Image::random(Format::Oci, 2, 100),
            next: AtomicU32::new(0),
            elsewhere,
        };
        for (name, rights) in [
            ("stranger", None),
            ("reader", Some("pull")),
            ("pusher", Some("push")),
            ("manager", Some("manage")),
        ] {
            scene.account(name).await;
            let person = Person::by_password(name, name, &password_of(name));
            scene.persons.push(person);
            if let Some(right) = rights {
                scene.grant(name, "team", right).await;
            }
        }
        scene.account("guest").await;
        let robot = scene.robot("team+ci").await;
        scene.persons.extend([
            Person::by_password("admin", ADMIN, PASSWORD),
            expired,
            Person::by_password("robot", "team+ci", &robot),
            revoked,
        ]);
        for tag in ["v1", "v2"] {
            let pushed = scene.image.push(&scene.admin, APP, tag).await;
            pushed.expect("a push");
        }
        scene.push_referrer().await;
        scene.lab.wait_until_stored().await;
        scene.lab.uploader(0).terminate().await;
        scene
    }

    /// The person whom the table calls so.
    pub(super) fn person(&self, name: &str) -> &Person {
        let mut persons = self.persons.iter();
        let found = persons.find(|person| person.name == name);
        found.unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// A number that was not given out before.
    pub(super) fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// An account that may sign in at once.
    pub(super) async fn account(&self, name: &str) {
        let new = json!({
            "name": name, "password": password_of(name), "must_change_password": false,
        });
        self.admin.post_json("/api/users", &new).await.gives(201);
    }

    pub(super) async fn grant(&self, user: &str, group: &str, right: &str) {
        let grant = json!({ "user": user, "group": group, "rights": [right] });
        self.admin.put_json("/api/grants", &grant).await.gives(200);
    }

    /// A robot that may push to its group; hands back its secret.
    pub(super) async fn robot(&self, name: &str) -> String {
        let scopes = json!([{ "repositories": "team/*", "rights": ["push"] }]);
        let new = json!({ "name": name, "scopes": scopes });
        let made = self.admin.post_json("/api/robots", &new).await;
        text(&made.gives(201), "secret")
    }

    /// A repository of its own with the image as `v1`.
    pub(super) async fn repository(&self) -> String {
        let name = format!("team/r{}", self.number());
        let pushed = self.image.push(&self.admin, &name, "v1").await;
        pushed.expect("a push");
        name
    }

    /// An empty group in which each may do what it may in `team`.
    pub(super) async fn group(&self) -> String {
        let name = format!("g{}", self.number());
        self.admin.create_group(&name).await.gives(201);
        for (user, right) in [
            ("reader", "pull"),
            ("pusher", "push"),
            ("manager", "manage"),
        ] {
            self.grant(user, &name, right).await;
        }
        name
    }

    async fn push_referrer(&self) {
        let subject = descriptor(self.image.media_type(), &self.image.manifest);
        let config = descriptor("application/vnd.oci.empty.v1+json", b"{}");
        let pushed = self.admin.push_blob(APP, (&b"{}"[..]).into()).await;
        pushed.expect("a push");
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let artifact = json!({
            "schemaVersion": 2, "mediaType": kind, "artifactType": "application/x.signature",
            "config": config, "layers": [config], "subject": subject,
            "annotations": { "org.example.note": "signed" },
        });
        let put = self
            .admin
            .put_manifest(APP, "signature", kind, artifact.to_string());
        put.await.gives(201);
    }

    /// A transfer of `team/app` that failed: its id.
    pub(super) fn failed_transfer(&self) -> i64 {
        let path = self.lab.data_dir().join("refity.db");
        let database = rusqlite::Connection::open(path).expect("the lab's database");
        let patience = std::time::Duration::from_secs(30);
        database.busy_timeout(patience).expect("to set an option");
        let failed = database.query_row(
            "UPDATE jobs SET state = 'failed', run_after = run_after + 3600000, attempt = 3,
                    error_code = 'permission', error_message = 'refused', finished_at = NULL
             WHERE id = (SELECT j.id FROM jobs j JOIN tags t ON t.id = j.target
                         JOIN repositories r ON r.id = t.repository_id
                         WHERE j.kind = 'publish_tag' AND r.name = 'team/app' AND t.name = 'v1')
             RETURNING id",
            [],
            |row| row.get(0),
        );
        failed.expect("the transfer of a tag")
    }

    /// A client without credentials, not from where those are that are known.
    fn stranger_client(&self) -> &Client {
        &self.elsewhere[self.number() as usize % self.elsewhere.len()]
    }

    /// A request of this person, with what shows who it is.
    pub(super) fn request(&self, person: &Person, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().expect("a method");
        let client = self.stranger_client();
        match &person.shows {
            Shows::Nothing => client.request(method, path),
            Shows::Password => {
                let client = self.admin.with_credentials(&person.account, &person.secret);
                client.request(method, path)
            }
            Shows::Ended { api, registry } => {
                let token = if path.starts_with("/v2") {
                    registry
                } else {
                    api
                };
                client.request(method, path).bearer_auth(token)
            }
        }
    }
}
