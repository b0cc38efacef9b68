//! What a password costs a registry that many layers are pushed to.

use std::time::{Duration, Instant};

use refity_tests::docker::Docker;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{GROUP, Lab};
use serde_json::json;

/// For how long a password that was right is known to be.
const KNOWN_FOR: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_login_and_a_push_of_twenty_layers_run_argon2_once() {
    let debug = "info,refity_gateway=debug";
    let lab = Lab::builder().env("LOG_LEVEL", debug).start().await;
    let docker = Docker::start().await;
    let (name, password) = ("zoe", "the-password-of-zoe");
    let new = json!({ "name": name, "password": password, "must_change_password": false });
    let admin = lab.client();
    admin.post_json("/api/users", &new).await.gives(201);
    let grant = json!({ "user": name, "group": GROUP, "rights": ["push"] });
    admin.put_json("/api/grants", &grant).await.gives(200);
    let image = Image::random(Format::Docker, 20, 40_000);
    let tagged = format!("{}/{GROUP}/app:v1", lab.address(0));
    docker.load(&image.docker_tarball(&tagged)).await.unwrap();

    let log = || lab.gateway(0).log();
    let runs = || log().matches("ran Argon2").count();
    let asked = || log().matches("path=\"/api/token\"").count();
    let before = (runs(), asked());
    // The log does tell of it: the administrator was made with a password.
    assert!(before.0 > 0);
    let started = Instant::now();
    docker.login(lab.address(0), name, password).await.unwrap();
    docker.push(&tagged).await.unwrap();
    let took = started.elapsed();
    let (runs, asked) = (runs() - before.0, asked() - before.1);
    println!("{asked} requests for tokens in {took:.1?}: {runs} runs of Argon2");
    assert!(asked >= 2, "login and push ask for a token each");
    // On a machine that is busy a minute may pass.
    let minutes = usize::try_from(took.as_secs() / KNOWN_FOR.as_secs()).unwrap();
    assert!((1..=1 + minutes).contains(&runs), "{runs} in {took:?}");
    docker.rmi(&image.id()).await.unwrap();
}
