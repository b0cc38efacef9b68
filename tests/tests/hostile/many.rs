//! More connections than there may be.

use refity_tests::lab::Lab;
use refity_tests::wait;
use refity_tests::wire::{Wire, WireAnswer};

use super::{SOON, assert_serves_others, assert_small};

/// Connects and asks for little; `None` where the connection was reset
/// before the answer could be read.
async fn asks(lab: &Lab, last: u8) -> (Wire, Option<WireAnswer>) {
    let mut wire = Wire::connect_from([127, 0, 0, last], lab.address(0)).await;
    wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answer = wire.answer_within(SOON).await;
    (wire, answer)
}

/// So many connections from one address, all of them served.
async fn hold(lab: &Lab, last: u8, count: usize) -> Vec<Wire> {
    let mut held = Vec::new();
    for n in 0..count {
        let (wire, answer) = asks(lab, last).await;
        assert_eq!(answer.expect("an answer").status, 200, "{last}, {n}");
        held.push(wire);
    }
    held
}

async fn assert_refused(lab: &Lab, last: u8) {
    let (mut wire, answer) = asks(lab, last).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let body = String::from_utf8(answer.body).unwrap();
    assert!(body.contains("TOOMANYREQUESTS"), "{body}");
    assert!(wire.closes_within(SOON).await);
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let lab = Lab::builder()
        .env("MAX_CONNECTIONS_PER_CLIENT", "20")
        .env("MAX_CONNECTIONS", "50")
        .env("HEADER_TIMEOUT", "10m")
        .start()
        .await;
    let held = hold(&lab, 9, 20).await;
    for _ in 0..5 {
        assert_refused(&lab, 9).await;
    }
    assert_serves_others(&lab).await;
    // Each of them may, but not all together.
    let mut others = hold(&lab, 10, 15).await;
    for last in 20.. {
        let (wire, answer) = asks(&lab, last).await;
        if answer.expect("an answer").status == 429 {
            break;
        }
        others.push(wire);
        assert!(others.len() < 31, "more than 50 connections");
    }
    drop((held, others));
    wait::until("connections for all again", SOON, async || {
        let (_, answer) = asks(&lab, 9).await;
        answer.is_some_and(|answer| answer.status == 200)
    })
    .await;
    assert_serves_others(&lab).await;
}

#[tokio::test]
async fn a_flood_of_connections_takes_little_memory() {
    let lab = Lab::start().await;
    let mut flood = Vec::new();
    for n in 0..1500_u16 {
        let [_, last] = (n % 3 + 10).to_be_bytes();
        let mut wire = Wire::connect_from([127, 0, 0, last], lab.address(0)).await;
        wire.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Half: ").await;
        flood.push(wire);
    }
    assert_serves_others(&lab).await;
    assert_small(&lab);
}
