//! Wrong passwords, as many as a client can send.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, Lab};
use tokio::task::JoinSet;

use super::{admin_from, assert_small};

#[tokio::test]
async fn a_client_that_tries_passwords_keeps_nobody_else_out() {
    let lab = Lab::start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let (wrong, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut attackers = JoinSet::new();
    for n in 0..60 {
        let client = Client::anonymous_from([127, 0, 0, 9], lab.address(0));
        let (stop, wrong, refused) = (stop.clone(), wrong.clone(), refused.clone());
        attackers.spawn(async move {
            for m in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let guess = client.with_credentials(ADMIN, &format!("guess {n} {m}"));
                let answer = guess.ping().await.expect("an answer");
                match answer.status {
                    401 => wrong.fetch_add(1, Ordering::Relaxed),
                    429 => {
                        assert!(answer.header("retry-after").is_some());
                        assert_eq!(answer.error_code(), "TOOMANYREQUESTS");
                        refused.fetch_add(1, Ordering::Relaxed)
                    }
                    // It waited for its own others for too long.
                    503 => 0,
                    status => panic!("{status} for a wrong password"),
                };
            }
        });
    }
    while refused.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    // Each from elsewhere, and each time Argon2 has to run.
    for n in 0..5_u8 {
        lab.clock_forward(61_000);
        let client = admin_from([127, 0, 0, 20 + n], &lab);
        client.ping().await.gives(200);
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(done) = attackers.join_next().await {
        done.unwrap();
    }
    assert!(wrong.load(Ordering::Relaxed) > 0, "some were looked at");
    assert_small(&lab);
}
