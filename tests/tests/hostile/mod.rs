//! Clients that are hostile, or only clumsy: others are
//! served meanwhile, memory stays bounded, and nothing is left of it.

mod bodies;
mod disconnects;
mod headers;
mod large;
mod many;
mod passwords;
mod uploads;

use std::time::Duration;

use refity_tests::client::Client;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{ADMIN, Lab, PASSWORD};

const APP: &str = "team/app";

/// What comes soon on a machine that is not too busy.
const SOON: Duration = Duration::from_secs(60);

/// The most memory that the gateway may use, in bytes, for any client.
const CAP: u64 = 128 << 20;

/// The administrator at an address of its own.
fn admin_from(local: [u8; 4], lab: &Lab) -> Client {
    Client::anonymous_from(local, lab.address(0)).with_credentials(ADMIN, PASSWORD)
}

/// Somebody else pushes and pulls.
async fn assert_serves_others(lab: &Lab) {
    let other = admin_from([127, 0, 0, 99], lab);
    let image = Image::random(Format::Oci, 2, 10_000);
    image.push(&other, "team/other", "v1").await.unwrap();
    image.assert_pullable(&other, "team/other", "v1").await;
}

fn assert_small(lab: &Lab) {
    let peak = lab.gateway(0).peak_rss();
    assert!(peak <= CAP, "the gateway used {} MiB", peak >> 20);
}
