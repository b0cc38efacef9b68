//! What it costs to know who asks: a manifest that an account was given the
//! right to pull, beside one that everybody may.

use refity_tests::client::{Client, MANIFEST_TYPES};
use refity_tests::image::{Format, Image};
use refity_tests::lab::{Lab, PASSWORD};

use crate::Scale;
use crate::load::gets_per_second;
use crate::rows::add_reader;
use crate::table::{Limit, Table, median};

/// Of the time for one: so many anonymous ones for each authenticated one.
const LIMIT: Limit = Limit::AtMost(1.15);
const READER: &str = "reader";
const LAYERS: usize = 5;

pub(crate) async fn measure(scale: Scale, table: &mut Table) {
    let lab = Lab::builder()
        .group("open")
        .env("TOKEN_LIFETIME", "1h")
        .start()
        .await;
    let image = Image::random(Format::Oci, LAYERS, 1000);
    for repository in ["team/app", "open/app"] {
        let pushed = image.push(&lab.client(), repository, "v1").await;
        pushed.expect("a pushed image");
    }
    lab.wait_until_stored().await;
    add_reader(&lab, READER);
    let nobody = Client::anonymous(lab.address(0));
    let reader = nobody.with_credentials(READER, PASSWORD);
    let known = (&token(&reader, "team/app").await, "team/app");
    let anybody = (&token(&nobody, "open/app").await, "open/app");
    let rate = |(token, repository): (&String, &str)| {
        let headers = [
            format!("Accept: {MANIFEST_TYPES}"),
            format!("Authorization: Bearer {token}"),
        ];
        let url = format!("{}/v2/{repository}/manifests/v1", nobody.base());
        gets_per_second(&url, &headers, scale.manifest_seconds)
    };
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        ours.push(1e6 / rate(known));
        others.push(1e6 / rate(anybody));
    }
    let anonymous = ("of a public group, anonymous", median(&others));
    let what = "GET of a manifest, by an account with a right";
    table.compare(what, "µs", median(&ours), anonymous, LIMIT);
}

/// A token of the token service that may pull.
async fn token(client: &Client, repository: &str) -> String {
    let path = format!("/api/token?service=refity&scope=repository:{repository}:pull");
    let answer = client.get(&path).await.expect("an answer");
    let token = answer.expect_status(200).json()["token"].clone();
    token.as_str().expect("a token").to_owned()
}
