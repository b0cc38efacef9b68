//! One large blob, pushed and pulled again while it is warm.

use crate::Scale;
use crate::contestant::Contestant;
use crate::shell::{Payload, pull, push};
use crate::table::{Limit, Table, median};

const REPOSITORY: &str = "team/raw";

pub(crate) async fn measure(scale: Scale, ours: bool, table: &mut Table) {
    let contestants = Contestant::all(ours).await;
    let mut pushes = vec![Vec::new(); contestants.len()];
    let mut pulls = vec![Vec::new(); contestants.len()];
    for _ in 0..scale.runs {
        let payload = Payload::random(scale.blob);
        for (n, contestant) in contestants.iter().enumerate() {
            let credentials = contestant.credentials();
            let credentials = credentials.as_deref();
            let client = &contestant.client;
            pushes[n].push(push(client, credentials, REPOSITORY, &payload).await);
            contestant.wait_until_idle().await;
            pulls[n].push(pull(client, credentials, REPOSITORY, &payload.digest));
        }
    }
    let mib = scale.blob / crate::MIB;
    for (n, other) in contestants.iter().enumerate().skip(1) {
        let first = contestants[0].name;
        let push_target = if other.name == "docker-registry" {
            Limit::AtMost(0.6)
        } else {
            Limit::AtMost(1.0)
        };
        let (push, other_push) = (median(&pushes[0]), median(&pushes[n]));
        let (pull, other_pull) = (median(&pulls[0]), median(&pulls[n]));
        let what = format!("{first}: raw push of {mib} MiB");
        table.compare(&what, "s", push, (other.name, other_push), push_target);
        let what = format!("{first}: warm pull of {mib} MiB");
        table.compare(
            &what,
            "s",
            pull,
            (other.name, other_pull),
            Limit::AtMost(1.0),
        );
    }
}
