//! Who signs in, with each of the ways to say who one is, each with the real
//! program: a password, a person's token, a robot's secret; and what nobody in
//! particular gets, and what they are told. All by the token service.

mod programs;
mod table;

use std::sync::Arc;

use refity_tests::expect::Expect as _;
use refity_tests::lab::GROUP;
use refity_tests::round_robin::Asked;
use serde_json::json;

use super::buildah::Buildah;
use super::ctr::{By, Ctr};
use super::docker::DockerClient;
use super::fixtures::Artifact;
use super::networks::Network;
use super::podman::Podman;
use super::skopeo::Skopeo;
use table::{Row, Table};

/// The group from which everybody may pull.
const OPEN: &str = "open";

/// What tells a person that signing in might help: our words, where the client
/// shows them, or its own.
const SIGN_IN: [&str; 3] = [
    "sign in first: not everybody may pull from",
    "may require 'docker login'",
    "pull access denied",
];

/// What tells a person that the name or the password is wrong.
const WRONG: [&str; 3] = [
    "the user name or the password is wrong",
    "invalid username/password",
    "failed to fetch oauth token: unexpected status: 401 Unauthorized",
];

/// The last line with one of these sentences, which must be there.
fn line_that_says(words: &str, any: &[&str]) -> String {
    let says = |line: &&str| any.iter().any(|sentence| line.contains(sentence));
    let line = words.lines().rfind(says);
    line.unwrap_or_else(|| panic!("{words}")).trim().to_owned()
}

/// A client that can say who it is.
trait SignsIn: Send + Sync + 'static {
    /// Its name, which is a part of repositories' names too.
    const NAME: &'static str;

    fn network(&self) -> &Network;

    fn version(&self) -> &str;

    /// What [`SignsIn::fetch`] gets.
    fn artifact(&self) -> &Artifact;

    /// Says who it is; or what it complained about.
    fn log_in(&self, name: &str, secret: &str) -> impl Future<Output = Result<(), String>> + Send;

    /// Forgets who it is.
    fn log_out(&self) -> impl Future<Output = ()> + Send;

    /// Pushes an image and pulls it back; panics where it cannot.
    fn there_and_back(&self, repository: &str) -> impl Future<Output = ()> + Send;

    /// Pulls the artifact whole; or what it complained about.
    fn fetch(&self, repository: &str) -> impl Future<Output = Result<(), String>> + Send;
}

/// What somebody signs in with.
struct Account {
    name: String,
    secret: String,
}

/// A password, a personal token and a robot that may push to the group; one
/// of each for each client.
async fn accounts(network: &Network, client: &str) -> [Account; 3] {
    let (admin, name) = (network.client(), format!("zoe-{client}"));
    let password = format!("the-password-of-{name}");
    let new = json!({ "name": name, "password": password, "must_change_password": false });
    admin.post_json("/api/users", &new).await.gives(201);
    let grant = json!({ "user": name, "group": GROUP, "rights": ["push"] });
    admin.put_json("/api/grants", &grant).await.gives(200);

    let scopes = json!([{ "repositories": format!("{GROUP}/*"), "rights": ["push"] }]);
    let person = admin.with_credentials(&name, &password);
    let secret = async |client: &refity_tests::client::Client, path: &str, name: &str| {
        let body = json!({ "name": name, "scopes": scopes });
        let made = client.post_json(path, &body).await.gives(201).json();
        made["secret"].as_str().unwrap().to_owned()
    };
    let token = secret(&person, "/api/tokens", "CI").await;
    let robot = format!("{GROUP}+{client}");
    let robots = secret(&admin, "/api/robots", &robot).await;
    [(name.clone(), password), (name, token), (robot, robots)]
        .map(|(name, secret)| Account { name, secret })
}

/// All that one client does; what fails is said in its cell.
async fn row<C: SignsIn>(client: C) -> Row {
    let client = Arc::new(client);
    let mut row = Row::new(&format!("{} {}", C::NAME, client.version()));
    let accounts = accounts(client.network(), C::NAME).await;
    client.log_out().await;
    row.add(tokio::spawn(nobody_pulls_what_is_public(Arc::clone(
        &client,
    ))))
    .await;
    row.add(tokio::spawn(nobody_is_told(Arc::clone(&client))))
        .await;
    let name = accounts[0].name.clone();
    row.add(tokio::spawn(a_wrong_password_is_told(
        Arc::clone(&client),
        name,
    )))
    .await;
    for (by, account) in ["password", "token", "robot"].into_iter().zip(accounts) {
        let signed_in = signs_in(Arc::clone(&client), by, account);
        row.add(tokio::spawn(signed_in)).await;
    }
    row
}

async fn nobody_pulls_what_is_public<C: SignsIn>(client: Arc<C>) -> String {
    let repository = format!("{OPEN}/{}", C::NAME);
    client.network().put(client.artifact(), &repository).await;
    client.fetch(&repository).await.unwrap();
    "yes".to_owned()
}

async fn nobody_is_told<C: SignsIn>(client: Arc<C>) -> String {
    let repository = format!("{GROUP}/{}/private", C::NAME);
    client.network().put(client.artifact(), &repository).await;
    let words = client.fetch(&repository).await.unwrap_err();
    line_that_says(&words, &SIGN_IN)
}

async fn a_wrong_password_is_told<C: SignsIn>(client: Arc<C>, name: String) -> String {
    let words = client.log_in(&name, "a-mistyped-password").await;
    let words = words.unwrap_err();
    client.log_out().await;
    line_that_says(&words, &WRONG)
}

async fn signs_in<C: SignsIn>(client: Arc<C>, by: &'static str, account: Account) -> String {
    let repository = format!("{GROUP}/{}/{by}", C::NAME);
    let before = client.network().asked().len();
    client.log_in(&account.name, &account.secret).await.unwrap();
    client.there_and_back(&repository).await;
    client.log_out().await;
    let asked = client.network().asked().split_off(before);
    let asked = asked
        .iter()
        .filter(|asked| asked.target.contains(&repository));
    assert_bearer(&asked.collect::<Vec<_>>());
    // Who has signed out is nobody again.
    let left = format!("{GROUP}/{}/private", C::NAME);
    client.fetch(&left).await.unwrap_err();
    "yes".to_owned()
}

/// That the registry was asked with tokens, and never with the secret.
fn assert_bearer(asked: &[&Asked]) {
    let registry = asked.iter().filter(|it| it.target.starts_with("/v2/"));
    let schemes: Vec<_> = registry.filter_map(|it| it.scheme.as_deref()).collect();
    assert!(!schemes.is_empty(), "no tokens: {asked:#?}");
    assert!(schemes.iter().all(|it| *it == "Bearer"), "{asked:#?}");
}

async fn network() -> Arc<Network> {
    let network = Network::start_with_witness().await;
    let open = json!({ "name": OPEN, "public": true });
    network
        .client()
        .post_json("/api/groups", &open)
        .await
        .gives(201);
    Arc::new(network)
}

#[tokio::test]
async fn every_client_signs_in_with_each_kind_of_secret() {
    // containerd's own, so that it is known who asked for tokens by POST.
    let (network, containerds) = tokio::join!(network(), network());
    let rows: [Row; 5] = tokio::join!(
        async { row(DockerClient::start(Arc::clone(&network)).await).await },
        async { row(Podman::start(Arc::clone(&network)).await).await },
        async { row(Buildah::start(Arc::clone(&network)).await).await },
        async { row(Skopeo::start(Arc::clone(&network)).await).await },
        async { row(Ctr::start(Arc::clone(&containerds), By::PlainHttp).await).await },
    )
    .into();
    let table = Table { rows: rows.into() };
    println!("\n{table}");
    let failures = table.failures();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));

    // containerd hands over a secret by POST (OAuth 2), the others by Basic.
    // Where the POST is refused it tries the other way: it never was.
    let log = containerds.lab.gateway(0).log();
    let given = |name: &str, method: &str| {
        let line = format!("user=\"{name}\" method=\"{method}\" path=\"/api/token\" status=200");
        log.matches(&line).count()
    };
    let (person, robot) = ("zoe-ctr", format!("{GROUP}+ctr"));
    assert!(given(person, "POST") >= 2 && given(&robot, "POST") >= 1);
    assert_eq!((given(person, "GET"), given(&robot, "GET")), (0, 0));
    let asked = network.asked();
    let tokens: Vec<_> = asked.iter().filter(|it| it.is_for_a_token()).collect();
    for client in ["docker", "podman", "buildah", "skopeo"] {
        for name in [format!("zoe-{client}"), format!("{GROUP}+{client}")] {
            let by_basic = |it: &Asked| it.user.as_ref() == Some(&name) && it.method == "GET";
            assert!(tokens.iter().any(|it| by_basic(it)), "{name}: {tokens:#?}");
        }
    }
    network.lab.assert_stored_whole().await;
    containerds.lab.assert_stored_whole().await;
}
