//! The principals whose access is tested, and the registry they send requests to.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client, send, with_form};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, descriptor};
use refity_tests::lab::{ADMIN, PASSWORD};
use refity_tests::timestamp;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

/// The repository of all requests.
pub(super) const APP: &str = "team/app";

/// The credentials of a principal.
enum Credentials {
    Nothing,
    Password,
    /// Bearer tokens that have ended: one for the API, one of the token service.
    Ended {
        api: String,
        registry: String,
    },
}

/// A column of the table.
pub(super) struct Principal {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// The account's name.
    pub(super) account: String,
    /// Its password.
    pub(super) secret: String,
    credentials: Credentials,
}

impl Principal {
    fn by_password(name: &'static str, account: &str, secret: &str) -> Self {
        Self {
            name,
            account: account.to_owned(),
            secret: secret.to_owned(),
            credentials: Credentials::Password,
        }
    }

    /// Whether its credentials are valid.
    pub(super) fn is_known(&self) -> bool {
        matches!(self.credentials, Credentials::Password)
    }
}

/// A registry with a group `team`, on which each principal has different rights.
pub(super) struct Scene {
    pub(super) lab: TestApp,
    pub(super) admin: Client,
    pub(super) principals: Vec<Principal>,
    /// The image `team/app:v1`.
    pub(super) image: Image,
    next: AtomicU32,
    /// Anonymous clients with an address each, because failed sign-ins are counted
    /// by address.
    elsewhere: Vec<Client>,
}

/// The number of addresses that send wrong credentials.
const ELSEWHERE: u8 = 32;

fn password_of(name: &str) -> String {
    format!("the-password-of-{name}")
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
    /// Starts the registry, waits until all is stored and stops the uploader, so
    /// that transfers keep the state that a test gives them.
    pub(super) async fn start() -> Self {
        let lab = TestApp::builder().env("TOKEN_LIFETIME", "1h").start().await;
        let (admin, anonymous) = (lab.client(), Client::anonymous(lab.address(0)));
        let new = json!({ "name": "ends", "expires_at": timestamp::from_now(Duration::from_secs(60 * 60)) });
        let expired = admin.post_json("/api/tokens", &new).await.gives(201);
        let asked = "/api/token?service=refity&scope=repository:team/app:pull,push,delete";
        let registry = text(&admin.get(asked).await.gives(200), "token");
        lab.clock_forward(2 * 60 * 60 * 1000);
        let expired = Principal {
            name: "expired",
            account: ADMIN.to_owned(),
            secret: text(&expired, "secret"),
            credentials: Credentials::Ended {
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
        let revoked = Principal {
            name: "revoked",
            account: ADMIN.to_owned(),
            secret: refresh,
            credentials: Credentials::Ended {
                api: session,
                registry,
            },
        };

        let from = |n| Client::anonymous_from([127, 1, 0, n], lab.address(0));
        let elsewhere = (1..=ELSEWHERE).map(from).collect();
        let anonymous = Principal {
            name: "anonymous",
            account: "nobody".to_owned(),
            secret: "nobody's password".to_owned(),
            credentials: Credentials::Nothing,
        };
        let mut scene = Self {
            lab,
            admin,
            principals: vec![anonymous],
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
            let principal = Principal::by_password(name, name, &password_of(name));
            scene.principals.push(principal);
            if let Some(right) = rights {
                scene.grant(name, "team", right).await;
            }
        }
        scene.account("guest").await;
        let robot = scene.robot("team+ci").await;
        scene.principals.extend([
            Principal::by_password("admin", ADMIN, PASSWORD),
            expired,
            Principal::by_password("robot", "team+ci", &robot),
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

    /// Returns the principal with this name in the table.
    pub(super) fn principal(&self, name: &str) -> &Principal {
        let mut principals = self.principals.iter();
        let found = principals.find(|principal| principal.name == name);
        found.unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// Returns a new number.
    pub(super) fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Creates an account that can sign in at once.
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

    /// Creates a robot that may push to its group; returns its secret.
    pub(super) async fn robot(&self, name: &str) -> String {
        let scopes = json!([{ "repositories": "team/*", "rights": ["push"] }]);
        let new = json!({ "name": name, "scopes": scopes });
        let made = self.admin.post_json("/api/robots", &new).await;
        text(&made.gives(201), "secret")
    }

    /// Creates a repository with the image as `v1`.
    pub(super) async fn repository(&self) -> String {
        let name = format!("team/r{}", self.number());
        let pushed = self.image.push(&self.admin, &name, "v1").await;
        pushed.expect("a push");
        name
    }

    /// Creates an empty group with the same grants as `team`.
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

    /// Makes a transfer of `team/app` fail and returns its ID.
    pub(super) fn failed_transfer(&self) -> i64 {
        let database = self.lab.database();
        let id = database.tag_job(APP, "v1");
        database.fail_job(id);
        id
    }

    /// Returns an anonymous client with an address that no valid principal uses.
    fn stranger_client(&self) -> &Client {
        &self.elsewhere[self.number() as usize % self.elsewhere.len()]
    }

    /// Returns a request with the principal's credentials.
    pub(super) fn request(
        &self,
        principal: &Principal,
        method: &str,
        path: &str,
    ) -> RequestBuilder {
        let method: Method = method.parse().expect("a method");
        let client = self.stranger_client();
        match &principal.credentials {
            Credentials::Nothing => client.request(method, path),
            Credentials::Password => {
                let client = self
                    .admin
                    .with_credentials(&principal.account, &principal.secret);
                client.request(method, path)
            }
            Credentials::Ended { api, registry } => {
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
