//! Requests that never get to their body: slow, silent and enormous headers.

use refity_tests::lab::Lab;
use refity_tests::wire::Wire;

use super::{SOON, assert_serves_others, assert_small};

#[tokio::test]
async fn a_client_that_sends_an_incomplete_head_is_disconnected() {
    let lab = Lab::builder().env("HEADER_TIMEOUT", "2s").start().await;
    let before = lab.gateway(0).open_files();
    let beginnings: [&[u8]; 6] = [
        b"",
        b"G",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\n",
        b"PRI * HTTP/2",
        // HTTP/2 that begins, and then asks nothing.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        // One request, and nothing after it.
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    let mut wires = Vec::new();
    for beginning in beginnings.into_iter().cycle().take(120) {
        let mut wire = Wire::connect_from([127, 0, 0, 9], lab.address(0)).await;
        wire.send(beginning).await;
        wires.push((beginning, wire));
    }
    assert_serves_others(&lab).await;
    for (beginning, mut wire) in wires {
        let sent = String::from_utf8_lossy(beginning);
        assert!(wire.closes_within(SOON).await, "{sent:?} keeps a socket");
    }
    // Connections of the others stay for a moment; files of the database too.
    let after = lab.gateway(0).open_files();
    assert!(after < before + 40, "{before} files before, {after} after");
    assert_small(&lab);
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_does_not_hold_a_socket_for_ever() {
    let lab = Lab::builder().env("HEADER_TIMEOUT", "2s").start().await;
    let mut wire = Wire::connect_from([127, 0, 0, 9], lab.address(0)).await;
    wire.send(b"GET /v2/ HTTP/1.1\r\nX-Slow: ").await;
    // Each byte is progress, and all of them together no request.
    let mut sent = 0;
    while !wire
        .closes_within(std::time::Duration::from_millis(100))
        .await
    {
        wire.send(b"x").await;
        sent += 1;
        assert!(sent < 600, "a minute of it");
    }
    assert_serves_others(&lab).await;
}

#[tokio::test]
async fn enormous_heads_are_refused_and_not_kept() {
    let lab = Lab::start().await;
    let many: String = (0..1000).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = "y".repeat(2_000_000);
    let heads = [
        format!("GET /v2/ HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
        format!("GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n"),
        format!("GET /v2/{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        // Without an end.
        long.clone(),
    ];
    let mut clients = tokio::task::JoinSet::new();
    for head in heads.into_iter().cycle().take(200) {
        let address = lab.address(0).to_owned();
        clients.spawn(async move {
            let mut wire = Wire::connect_from([127, 0, 0, 9], &address).await;
            wire.send(head.as_bytes()).await;
            let answer = String::from_utf8_lossy(&wire.remaining().await).into_owned();
            // A reset may overtake the answer.
            let refused = ["HTTP/1.1 431", "HTTP/1.1 414", "HTTP/1.1 400"];
            let refused = refused.iter().any(|status| answer.starts_with(status));
            assert!(answer.is_empty() || refused, "{answer}");
        });
    }
    assert_serves_others(&lab).await;
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    assert_serves_others(&lab).await;
    assert_small(&lab);
}
