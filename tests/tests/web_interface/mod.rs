//! The web interface, in a real browser: what people do there, by mouse and
//! again by keyboard alone. The scripts are in `web/e2e`.

use refity_tests::browser::{self, Props};
use refity_tests::docker::Docker;
use refity_tests::faulty_sftp::{FaultySftp, Kind, StatusCode};
use refity_tests::lab::{Builder, Lab};

/// Bytes that the line to the storage carries in a second, so that one can
/// watch a push.
const LINE: u32 = 4 * 1024 * 1024;

/// A lab whose gateway has its interface from `UI_DIR`, where who changes pages
/// sets it: that needs no gateway to be built.
fn lab() -> Builder {
    let builder = Lab::builder();
    match std::env::var("UI_DIR") {
        Ok(folder) => builder.env("UI_DIR", &folder),
        Err(_) => builder,
    }
}

fn with(docker: &Docker) -> Props<'_> {
    Props {
        docker: Some(docker),
        ..Props::default()
    }
}

/// From the first sign-in to the collection of garbage.
async fn first_day(hand: &str) {
    let builder = lab().without_groups().line_to_storage(LINE);
    let mut lab = builder.env("ADMIN_PASSWORD", "admin").start().await;
    let docker = Docker::start().await;
    browser::run(&mut lab, with(&docker), "first-day", &[hand]).await;
}

#[tokio::test]
async fn the_first_day_from_sign_in_to_collection() {
    first_day("mouse").await;
}

#[tokio::test]
async fn the_first_day_by_keyboard_alone() {
    first_day("keyboard").await;
}

/// A user with rights, what they see, and their token.
async fn people(hand: &str) {
    let mut lab = lab().start().await;
    let docker = Docker::start().await;
    browser::run(&mut lab, with(&docker), "people", &[hand]).await;
}

#[tokio::test]
async fn who_is_given_rights_sees_theirs_only_and_pushes_by_token() {
    people("mouse").await;
}

#[tokio::test]
async fn people_and_tokens_by_keyboard_alone() {
    people("keyboard").await;
}

#[tokio::test]
async fn what_is_away_is_said_until_it_is_back() {
    let mut lab = lab().start().await;
    browser::run(&mut lab, Props::default(), "away", &[]).await;
}

#[tokio::test]
async fn every_page_is_whole_at_every_width_in_both_themes() {
    let mut lab = lab().start().await;
    browser::run(&mut lab, Props::default(), "every-page", &[]).await;
}

/// On a storage that lets nobody write one repository, fails with another, and
/// may go away.
async fn every_state(arguments: &[&str]) {
    let server = FaultySftp::start();
    for _ in 0..100 {
        let mut faults = server.faults();
        faults.fail_next(Kind::MkDir, "infra/otel", StatusCode::PermissionDenied);
        faults.fail_next(Kind::MkDir, "infra/shaky", StatusCode::Failure);
    }
    let builder = lab().without_groups().env("ADMIN_PASSWORD", "admin");
    let mut lab = builder.storage(&server).start().await;
    let props = Props {
        storage: Some(&server),
        ..Props::default()
    };
    browser::run(&mut lab, props, "every-state", arguments).await;
}

#[tokio::test]
async fn every_state_is_whole_at_every_width_in_both_themes() {
    every_state(&[]).await;
}

#[tokio::test]
async fn pages_show_what_the_api_allows_and_nothing_more() {
    let mut lab = lab().start().await;
    browser::run(&mut lab, Props::default(), "rights", &[]).await;
}

/// `make screenshots`: no test, but it needs what a test has.
#[tokio::test]
#[ignore = "it takes pictures, and is no test"]
async fn screenshots() {
    let folder = std::env::var("REFITY_SCREENSHOTS").expect("REFITY_SCREENSHOTS: a folder");
    let all = std::env::var("REFITY_SCREENSHOTS_ALL").is_ok_and(|it| !it.is_empty());
    let arguments: &[&str] = if all { &[&folder, "all"] } else { &[&folder] };
    let mut lab_of_pages = lab().line_to_storage(LINE).start().await;
    browser::run(
        &mut lab_of_pages,
        Props::default(),
        "screenshots",
        arguments,
    )
    .await;
    if all {
        every_state(&[&folder]).await;
    }
}
