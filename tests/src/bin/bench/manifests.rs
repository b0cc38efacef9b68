//! HEAD and GET of one manifest by its tag, as clients that look for a newer
//! image ask: ours with credentials, the others without.

use refity_tests::client::MANIFEST_TYPES;
use refity_tests::image::{Format, Image};

use crate::Scale;
use crate::contestant::Contestant;
use crate::load::{gets_per_second, heads_per_second};
use crate::table::{Limit, Table, median};

const REPOSITORY: &str = "team/manifests";
const TAG: &str = "latest";
const LAYERS: usize = 5;

pub(crate) async fn measure(scale: Scale, ours: bool, table: &mut Table) {
    let contestants = Contestant::all(ours).await;
    let image = Image::random(Format::Oci, LAYERS, 1000);
    for contestant in &contestants {
        let pushed = image.push(&contestant.client, REPOSITORY, TAG).await;
        pushed.expect("a pushed image");
        contestant.wait_until_idle().await;
    }
    for method in ["HEAD", "GET"] {
        let mut rates = vec![Vec::new(); contestants.len()];
        for _ in 0..scale.runs {
            for (contestant, rates) in contestants.iter().zip(&mut rates) {
                rates.push(rate(contestant, method, scale.manifest_seconds).await);
            }
        }
        for (n, other) in contestants.iter().enumerate().skip(1) {
            let limit = if other.name == "docker-registry" {
                Limit::AtLeast(1.5)
            } else {
                Limit::AtLeast(1.3)
            };
            let what = format!("{}: {method} of a manifest", contestants[0].name);
            let (rate, other_rate) = (median(&rates[0]), median(&rates[n]));
            table.compare(&what, "requests/s", rate, (other.name, other_rate), limit);
        }
    }
}

async fn rate(contestant: &Contestant, method: &str, seconds: u32) -> f64 {
    let path = format!("/v2/{REPOSITORY}/manifests/{TAG}");
    let mut headers = vec![format!("Accept: {MANIFEST_TYPES}")];
    headers.extend(contestant.authorization());
    let base = contestant.client.base();
    if method == "HEAD" {
        let address = base.trim_start_matches("http://");
        heads_per_second(address, &path, &headers, seconds).await
    } else {
        gets_per_second(&format!("{base}{path}"), &headers, seconds)
    }
}
