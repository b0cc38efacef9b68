//! Transfers: grouped by push, paged, tried again by who may.

use refity_tests::app::TestApp;
use refity_tests::client::{Client, send};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{ADMIN, Lab};
use refity_tests::random;
use reqwest::Method;
use serde_json::Value;

use super::user;

async fn items(client: &Client, query: &str) -> Vec<Value> {
    let jobs = client.get(&format!("/api/jobs?{query}")).await;
    let jobs = jobs.gives(200).json();
    jobs["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn the_transfers_of_a_push_are_one_group() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 3, 100);
    image.push(&client, "team/app", "1.2").await.unwrap();
    lab.wait_until_stored().await;
    let jobs = items(&client, "repo=team/app&limit=100").await;
    let tag = jobs
        .iter()
        .find(|job| job["kind"] == "publish_tag")
        .unwrap();
    assert_eq!(
        (&tag["repo"], &tag["tag"]),
        (&"team/app".into(), &"1.2".into())
    );
    assert_eq!(tag["push_id"], tag["id"], "the last of a push is its root");
    let push = &tag["push"];
    assert_eq!(push["name"], "team/app:1.2", "{push}");
    assert_eq!(push["pushed_by"], ADMIN);
    assert_eq!(
        (&push["blobs_done"], &push["blobs_total"]),
        (&4.into(), &4.into())
    );
    for job in &jobs {
        assert_eq!(job["repo"], "team/app", "{job}");
        assert_eq!(job["state"], "done", "{job}");
        let same = job["push_id"] == tag["id"] || job["push"]["name"].is_null();
        assert!(
            same,
            "a blob that was stored before its manifest came: {job}"
        );
    }
    let manifest = jobs.iter().find(|job| job["kind"] == "publish_manifest");
    assert_eq!(manifest.unwrap()["push_id"], tag["id"]);
    let one = client.get(&format!("/api/jobs/{}", tag["id"])).await;
    assert_eq!(one.gives(200).json()["digest"], image.digest());
}

#[tokio::test]
async fn pages_of_transfers_join() {
    let lab = TestApp::start().await;
    let client = lab.client();
    for _ in 0..4 {
        let pushed = client.push_blob("team/app", random::bytes(10)).await;
        pushed.unwrap();
    }
    lab.wait_until_stored().await;
    let all = items(&client, "limit=100").await;
    let ids =
        |items: &[Value]| -> Vec<i64> { items.iter().filter_map(|it| it["id"].as_i64()).collect() };
    let mut sorted = ids(&all);
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(ids(&all), sorted, "the newest first");
    let (mut seen, mut query) = (Vec::new(), "limit=3".to_owned());
    loop {
        let page = client
            .get(&format!("/api/jobs?{query}"))
            .await
            .gives(200)
            .json();
        assert_eq!(page["total"], all.len());
        seen.extend(ids(page["items"].as_array().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=3&cursor={next}");
    }
    assert_eq!(seen, sorted);
}

#[tokio::test]
async fn only_who_may_push_tries_again_and_only_what_failed() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let (reader, pusher) = (user(&lab, "reader", 1), user(&lab, "pusher", 2));
    let stranger = user(&lab, "stranger", 0);
    client
        .push_blob("team/app", random::bytes(10))
        .await
        .unwrap();
    lab.wait_until_stored().await;
    let job = items(&client, "repo=team/app").await.remove(0);
    let id = job["id"].as_i64().unwrap();
    let retry = async |client: &Client| {
        send(client.request(Method::POST, &format!("/api/jobs/{id}/retry"))).await
    };
    let refused = retry(&pusher).await.gives(409).json();
    let words = refused["error"]["message"].to_string();
    assert!(words.contains("done"), "{words}");
    let fail = || lab.database().fail_job(id);
    fail();
    // What one may not see is not there, for reading and for doing.
    let gone = client.get("/api/jobs/999999").await.gives(404).json();
    let unseen = stranger.get(&format!("/api/jobs/{id}")).await.gives(404);
    let same = |words: &Value, id: &str| words["error"]["message"].to_string().replace(id, "N");
    assert_eq!(same(&gone, "999999"), same(&unseen.json(), &id.to_string()));
    retry(&stranger).await.gives(404);
    assert_eq!(items(&stranger, "").await.len(), 0);
    let denied = retry(&reader).await.gives(403).json();
    assert!(denied["error"]["message"].to_string().contains("team/app"));
    let all = "/api/jobs/retry-failed";
    let none = reader.bare(Method::POST, all).await.gives(200).json();
    assert_eq!(none["retried"], 0);
    let shown = reader
        .get(&format!("/api/jobs/{id}"))
        .await
        .gives(200)
        .json();
    assert_eq!(
        (&shown["state"], &shown["attempt"]),
        (&"failed".into(), &3.into())
    );
    assert!(shown["next_retry_at"].is_string(), "{shown}");
    assert_eq!(shown["error"]["code"], "permission");
    assert!(shown["worker"].is_null());

    retry(&pusher).await.gives(200);
    lab.wait_until_stored().await;
    fail();
    let retried = pusher.bare(Method::POST, all).await.gives(200).json();
    assert_eq!(retried["retried"], 1);
    lab.wait_until_stored().await;
    let log = client
        .get("/api/audit?action=retry")
        .await
        .gives(200)
        .json();
    assert_eq!(log["total"], 2, "{log}");
    for id in ["x", "-", "1e3", "99999999999999999999"] {
        client.get(&format!("/api/jobs/{id}")).await.gives(404);
    }
}

#[tokio::test]
async fn the_summary_says_what_waits_and_whether_anybody_works() {
    let mut lab = Lab::start().await;
    let client = lab.client();
    let stranger = user(&lab, "stranger", 0);
    lab.wait_until_stored().await;
    let summary = client.jobs_summary().await.gives(200).json();
    assert_eq!(summary["uploader"]["runs"], true, "{summary}");
    lab.sshd_mut().kill();
    let pushed = client.push_blob("team/app", random::bytes(1000)).await;
    pushed.unwrap();
    let summary = client.jobs_summary().await.gives(200).json();
    assert_eq!(summary["bytes_waiting"], 1000, "{summary}");
    let hidden = stranger.jobs_summary().await.gives(200).json();
    assert_eq!(hidden["bytes_waiting"], 0, "{hidden}");
    assert_eq!(hidden["done"], 0, "{hidden}");
    lab.uploader(0).terminate().await;
    let summary = client.jobs_summary().await.gives(200).json();
    assert_eq!(summary["uploader"]["runs"], false, "{summary}");
}
