//! Secrets stay out of the logs, however much is logged.

use refity_tests::client::{Client, send};
use refity_tests::expect::Expect as _;
use refity_tests::faulty_sftp::{self, FaultySftp};
use refity_tests::image::{Format, Image};
use refity_tests::lab::{ADMIN, Lab, PASSWORD};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;

use super::{change_password, login, with_token};

const JWT_SECRET: &str = "0123456789-a-secret-for-tokens-9876543210";
const WRONG: &str = "a-password-that-was-mistyped";
const NEW: &str = "a-password-that-comes-after";

/// What the client sends as `Authorization`, without the scheme.
fn encoded(client: &Client) -> String {
    let request = client.request(Method::GET, "/").build().unwrap();
    let header = request.headers()[AUTHORIZATION].to_str().unwrap();
    header.trim_start_matches("Basic ").to_owned()
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let storage = FaultySftp::start();
    let lab = Lab::builder()
        .storage(&storage)
        .env("LOG_LEVEL", "trace")
        .env("JWT_SECRET", JWT_SECRET)
        .start()
        .await;
    let client = lab.client();
    let wrong = client.with_credentials(ADMIN, WRONG);
    let new = client.with_credentials(ADMIN, NEW);
    let image = Image::random(Format::Oci, 2, 100);
    image.push(&client, "team/app", "v1").await.unwrap();
    lab.wait_until_stored().await;
    wrong.ping().await.gives(401);
    wrong.get("/api/groups").await.gives(401);
    login(&client, ADMIN, WRONG).await.gives(401);
    let signed_in = login(&client, ADMIN, PASSWORD).await.gives(200).json();
    let token = signed_in["token"].as_str().expect("a token").to_owned();
    with_token(&client, Method::GET, "/api/auth/me", &token)
        .await
        .gives(200);
    change_password(&client, WRONG, NEW).await.gives(403);
    // Bodies that cannot be read, which an error might quote.
    let torn = format!("{{\"current_password\":\"{PASSWORD}\",\"new_password\":\"{NEW}\"");
    let request = client.request(Method::PUT, "/api/auth/password");
    let request = request
        .header("content-type", "application/json")
        .body(torn);
    send(request).await.gives(400);
    change_password(&client, PASSWORD, NEW).await.gives(204);
    new.ping().await.gives(200);
    storage.faults().wrong_password = true;
    lab.stop_all().await;
    lab.start_all().await;
    new.push_blob("team/app", "more".into()).await.unwrap();
    new.get("/api/jobs").await.gives(200);
    lab.stop_all().await;

    let logs = [lab.gateway(0).log(), lab.uploader(0).log()];
    assert!(
        logs.iter()
            .all(|log| log.contains("TRACE") || log.contains("DEBUG"))
    );
    let signature = token.rsplit('.').next().unwrap();
    for secret in [
        PASSWORD,
        WRONG,
        NEW,
        JWT_SECRET,
        faulty_sftp::PASSWORD,
        &token,
        signature,
        &encoded(&client),
        &encoded(&wrong),
        &encoded(&new),
    ] {
        for log in &logs {
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} was logged");
        }
    }
}
