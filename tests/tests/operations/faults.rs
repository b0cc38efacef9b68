//! No part of a process dies silently: a panic fails its request or job
//! visibly, or ends the process with words; and a part that is stuck is not
//! reported as alive to the service manager.
//!
//! The faults are injected by a file (`refity_config::fault`).

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use refity_config::fault::FILE_VARIABLE;
use refity_tests::lab::Lab;
use refity_tests::processes::Process;
use refity_tests::{random, wait};
use rustix::process::Signal;

/// How long a test waits for what should come soon.
const SOON: Duration = Duration::from_secs(60);

const APP: &str = "team/app";

/// The parts of the gateway that always run, and of the uploader.
const GATEWAY: [&str; 4] = ["store-writer", "store-changes", "audit log", "connections"];
const UPLOADER: [&str; 13] = [
    "store-writer",
    "store-changes",
    "worker",
    "health",
    "owner",
    "signals",
    "leases",
    "progress",
    "eviction",
    "heartbeat",
    "storage stats",
    "sweep",
    "garbage collection",
];

/// A file of faults, kept out of the lab's own folder.
struct Faults {
    folder: tempfile::TempDir,
}

impl Faults {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("faults")
    }

    fn variable(&self) -> String {
        self.path().to_str().unwrap().to_owned()
    }

    fn set(&self, line: &str) {
        // In one step: a point may read it at any time.
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, line).unwrap();
        std::fs::rename(draft, self.path()).unwrap();
    }

    fn clear(&self) {
        self.set("");
    }
}

async fn lab(faults: &Faults) -> Lab {
    let lab = Lab::builder().env(FILE_VARIABLE, &faults.variable());
    lab.start().await
}

/// It has ended with status 1 and these words, soon after its part did.
async fn assert_ended(process: &Process, part: &str) {
    let status = process.ended(SOON).await;
    let log = process.log();
    assert_eq!(status.code(), Some(1), "{part}: {}", process.log_tail());
    let words = format!("error: {part} ");
    let last = log.lines().rev().find(|line| line.starts_with("error: "));
    assert!(
        last.is_some_and(|line| line.starts_with(&words)),
        "{part}: {}",
        process.log_tail()
    );
}

#[tokio::test]
async fn every_part_of_the_uploader_that_panics_ends_it() {
    let faults = Faults::new();
    let lab = lab(&faults).await;
    let uploader = lab.uploader(0);
    for part in UPLOADER {
        // Some rest for a minute, and all begin with a step. The store is needed
        // for the start.
        if part.starts_with("store-") {
            faults.set(&format!("panic {part}"));
        } else {
            uploader.kill9();
            faults.set(&format!("panic {part}"));
            uploader.restart();
        }
        assert_ended(uploader, part).await;
        faults.clear();
        uploader.restart();
    }
    lab.client()
        .push_blob(APP, random::bytes(1000))
        .await
        .unwrap();
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn every_part_of_the_gateway_that_panics_ends_it() {
    let faults = Faults::new();
    let lab = lab(&faults).await;
    let gateway = lab.gateway(0);
    for part in GATEWAY {
        faults.set(&format!("panic {part}"));
        let began = Instant::now();
        while gateway.is_running() && began.elapsed() < SOON {
            // A connection, a write and a change, whose ends do not matter.
            let _ = lab.client().start_upload(APP).await;
        }
        assert_ended(gateway, part).await;
        faults.clear();
        gateway.restart();
        lab.wait_until_ready().await;
    }
}

#[tokio::test]
async fn a_watcher_of_events_that_panics_ends_the_gateway() {
    let faults = Faults::new();
    let lab = lab(&faults).await;
    faults.set("panic events");
    let stream = lab.client().get("/api/events").await;
    drop(stream);
    assert_ended(lab.gateway(0), "events").await;
}

#[tokio::test]
async fn a_watcher_of_jobs_that_panics_ends_the_gateway() {
    let faults = Faults::new();
    let lab = Lab::builder()
        .env(FILE_VARIABLE, &faults.variable())
        .sync(true)
        .start()
        .await;
    faults.set("panic sync waits");
    // The answer breaks off: the process that waits for the upload ends.
    let _ = lab.client().push_blob(APP, random::bytes(1000)).await;
    assert_ended(lab.gateway(0), "sync waits").await;
}

#[tokio::test]
async fn a_panic_in_the_database_fails_its_request_alone() {
    let faults = Faults::new();
    let lab = lab(&faults).await;
    let client = lab.client();
    let blob = random::bytes(1000);
    for point in ["write", "read"] {
        faults.set(&format!("panic {point}"));
        let failed = client.start_upload(APP).await.unwrap();
        failed.expect_status(500);
        let alive = lab.client().get("/healthz").await.unwrap();
        alive.expect_status(200);
        faults.clear();
        // All connections are there again, and the writer goes on.
        for _ in 0..8 {
            client.start_upload(APP).await.unwrap().expect_status(202);
        }
    }
    client.push_blob(APP, blob).await.unwrap();
    assert!(lab.gateway(0).is_running());
}

#[tokio::test]
async fn a_job_that_panics_is_counted_shown_and_tried_again() {
    let faults = Faults::new();
    let lab = lab(&faults).await;
    lab.wait_until_stored().await;
    faults.set("panic job");
    lab.client()
        .push_blob(APP, random::bytes(1000))
        .await
        .unwrap();
    let tried_twice = async || {
        let jobs = lab.client().get("/api/jobs?state=pending").await.unwrap();
        let jobs = jobs.expect_status(200).json();
        let jobs = jobs["items"].as_array().unwrap().clone();
        jobs.iter().any(|job| {
            job["error"]["code"] == "panic" && job["attempt"].as_i64().is_some_and(|it| it >= 2)
        })
    };
    wait::until("two attempts that are shown", SOON, tried_twice).await;
    assert!(lab.uploader(0).is_running());
    faults.clear();
    lab.assert_stored_whole().await;
}

/// A service manager's socket.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, path }
    }

    /// Waits for this message, skipping others.
    async fn expect(&self, message: &str) {
        wait::until(message, SOON, async || {
            self.messages().iter().any(|it| it == message)
        })
        .await;
    }

    /// What has come and was not read yet.
    fn messages(&self) -> Vec<String> {
        let mut messages = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            messages.extend(text.lines().map(str::to_owned));
        }
        messages
    }
}

/// A period of the watchdog, in microseconds, so short that it is told often.
const WATCHDOG_USEC: &str = "600000";

#[tokio::test]
async fn the_service_manager_is_told_that_both_programs_are_ready_alive_and_end() {
    let faults = Faults::new();
    for program in ["gateway", "uploader"] {
        let manager = Manager::new(faults.folder.path());
        let lab = Lab::builder()
            .env(FILE_VARIABLE, &faults.variable())
            .start()
            .await;
        let process = match program {
            "gateway" => lab.gateway(0),
            _ => lab.uploader(0),
        };
        process.terminate().await;
        let told = process
            .program()
            .clone()
            .env("NOTIFY_SOCKET", manager.path.as_os_str())
            .env("WATCHDOG_USEC", WATCHDOG_USEC);
        let process = Process::start(told);
        manager.expect("READY=1").await;
        manager.expect("WATCHDOG=1").await;
        let parts: &[&str] = match program {
            "gateway" => &["store-writer", "store-changes"],
            _ => &["store-writer", "leases"],
        };
        for part in parts {
            faults.set(&format!("hang {part}"));
            wait::until("the stuck part", SOON, async || {
                // A step may take minutes: let them pass.
                lab.clock_forward(3 * 60 * 1000);
                let log = process.log();
                log.lines()
                    .any(|line| line.contains("a part is stuck") && line.contains(part))
            })
            .await;
            manager.messages();
            faults.clear();
            manager.expect("WATCHDOG=1").await;
        }
        process.signal(Signal::TERM);
        manager.expect("STOPPING=1").await;
        process.ended(SOON).await;
        std::fs::remove_file(&manager.path).unwrap();
    }
}
