//! What clients do with a registry, each with the real program, all at once
//! on one registry: logins, pushes and pulls of every kind. `make clients`
//! prints the table that README.md shows.

mod argon2;
mod buildah;
mod compress;
mod crane;
mod ctr;
mod docker;
mod fixtures;
mod logins;
mod long_push;
mod networks;
mod podman;
mod shell;
mod skopeo;
mod storage;
mod table;

use std::sync::Arc;

use buildah::Buildah;
use crane::Crane;
use ctr::{By, Ctr};
use docker::DockerClient;
use networks::Network;
use podman::Podman;
use skopeo::Skopeo;
use table::{Row, Table};

#[tokio::test]
async fn every_client_gets_back_what_it_pushed_in_every_way_that_it_knows() {
    let network = &Arc::new(Network::start().await);
    let crane = async {
        match Crane::start(Arc::clone(network)).await {
            Some(crane) => Row::of(crane).await,
            None => Row::not_installed("crane"),
        }
    };
    let rows: [Row; 7] = tokio::join!(
        async { Row::of(DockerClient::start(Arc::clone(network)).await).await },
        async { Row::of(Podman::start(Arc::clone(network)).await).await },
        async { Row::of(Buildah::start(Arc::clone(network)).await).await },
        async { Row::of(Skopeo::start(Arc::clone(network)).await).await },
        async { Row::of(Ctr::start(Arc::clone(network), By::PlainHttp).await).await },
        async { Row::of(Ctr::start(Arc::clone(network), By::HostsFile).await).await },
        crane,
    )
    .into();
    let table = Table { rows: rows.into() };
    println!("\n{table}");
    let failures = table.failures();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    network.assert_stored_whole().await;
    let differences = table.differences(include_str!("../../../README.md"));
    assert!(differences.is_empty(), "README.md: {differences:#?}");
}
