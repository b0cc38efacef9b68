//! A push that waits for SFTP and a pull that comes from there, beside sftp
//! itself: the same file, the same sshd, the same cipher.

use std::time::Duration;

use refity_tests::lab::Lab;
use refity_tests::sshd::SshdOptions;

use crate::Scale;
use crate::contestant::our_credentials;
use crate::shell::{CIPHER, Payload, pull, push, sftp_get, sftp_put};
use crate::table::{Limit, Table, median};

const REPOSITORY: &str = "team/sync";

pub(crate) async fn measure(scale: Scale, table: &mut Table) {
    let one_cipher = SshdOptions {
        ciphers: Some(CIPHER.to_owned()),
        ..SshdOptions::default()
    };
    let lab = Lab::builder().sync(true).sshd(one_cipher).start().await;
    let client = lab.client();
    let credentials = our_credentials();
    let mut figures = Figures::default();
    for _ in 0..scale.runs {
        let payload = Payload::random(scale.blob);
        let other = Payload::random(4096);
        let remote = lab.tree().join("beside-the-registry");
        let back = payload.path.with_extension("back");

        let seconds = push(&client, Some(&credentials), REPOSITORY, &payload).await;
        figures.push.push(seconds);
        figures
            .put
            .push(sftp_put(lab.sshd(), &payload.path, &remote));
        push(&client, Some(&credentials), REPOSITORY, &other).await;

        lab.stop_all().await;
        lab.empty_spool();
        lab.start_all().await;
        // Opens a session and knows the credentials, as in a registry that
        // is in use.
        pull(&client, Some(&credentials), REPOSITORY, &other.digest);
        wait_until_idle().await;
        let seconds = pull(&client, Some(&credentials), REPOSITORY, &payload.digest);
        figures.pull.push(seconds);
        wait_until_idle().await;
        figures.get.push(sftp_get(lab.sshd(), &remote, &back));
        std::fs::remove_file(&remote).expect("to remove the copy");
    }
    let mib = scale.blob / crate::MIB;
    let put = ("sftp put -f", median(&figures.put));
    table.compare(
        &format!("sync push of {mib} MiB"),
        "s",
        median(&figures.push),
        put,
        Limit::AtMost(1.5),
    );
    let get = ("sftp get", median(&figures.get));
    table.compare(
        &format!("cold pull of {mib} MiB, on an open session"),
        "s",
        median(&figures.pull),
        get,
        Limit::AtMost(1.3),
    );
}

/// Lets the disk finish what the step before left to be written, so that the
/// next does not pay for it.
async fn wait_until_idle() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// Seconds of each run.
#[derive(Default)]
struct Figures {
    push: Vec<f64>,
    put: Vec<f64>,
    pull: Vec<f64>,
    get: Vec<f64>,
}
