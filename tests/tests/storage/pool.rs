//! Sessions: never too many, and none that is broken.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_pools_never_have_more_sessions_than_slots() {
    let lab = Arc::new(lab());
    let gateway = SftpStorage::new(lab.config.clone(), Role::Gateway).unwrap();
    let uploader = SftpStorage::new(lab.config.clone(), Role::Uploader).unwrap();
    assert_eq!((gateway.capacity(), uploader.capacity()), (3, 2));
    let ended = Arc::new(AtomicBool::new(false));
    let most = Arc::new(AtomicUsize::new(0));
    let watcher = {
        let (lab, ended, most) = (lab.clone(), ended.clone(), most.clone());
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                // The kernel's table is not a snapshot: one reading may have both a
                // connection that ends and the one that follows.
                let readings = (0..3).map(|_| lab.server.connections());
                most.fetch_max(readings.min().unwrap(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        })
    };
    let takers: Vec<_> = (0..20)
        .map(|number| {
            let storage = if number % 2 == 0 { &gateway } else { &uploader };
            tokio::spawn(take_five_times(storage.clone(), number))
        })
        .collect();
    for taker in takers {
        taker.await.unwrap();
    }
    ended.store(true, Ordering::Relaxed);
    watcher.join().unwrap();
    let written = fs::read_dir(lab.server.root().join("f")).unwrap();
    assert_eq!(written.count(), 100);
    let most = most.load(Ordering::Relaxed);
    assert!((2..=3).contains(&most), "{most} connections at once");
}

async fn take_five_times(storage: SftpStorage, number: usize) {
    for round in 0..5 {
        let file = SmallFile {
            target: path(&format!("f/{number}.{round}")),
            tmp: path(&format!("f/{number}.{round}.tmp")),
            bytes: b"x".to_vec(),
        };
        let always = Guard::always();
        storage.replace_small(file, &always).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_slot_goes_from_pool_to_pool() {
    let mut lab = lab();
    lab.config.connections = 1;
    let gateway = Pool::new(lab.config.clone(), Role::Gateway).unwrap();
    let uploader = Pool::new(lab.config.clone(), Role::Uploader).unwrap();
    // An idle session is given up for the other pool.
    for _turn in 0..3 {
        drop(gateway.session().await.unwrap());
        drop(uploader.session().await.unwrap());
    }
    // A busy pool does not starve the other one.
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let (pool, stop) = (gateway.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let mut session = pool.session().await.unwrap();
                    session.run(|session| session.stat(".")).await.unwrap();
                }
            })
        })
        .collect();
    for _turn in 0..3 {
        let wait = Duration::from_secs(20);
        drop(uploader.session_within(wait).await.unwrap());
    }
    stop.store(true, Ordering::Relaxed);
    for task in busy {
        task.await.unwrap();
    }
    // A wait ends.
    let held = gateway.session().await.unwrap();
    let wait = Duration::from_millis(200);
    let error = uploader.session_within(wait).await.unwrap_err();
    assert!(matches!(error, StorageError::Transient { .. }), "{error}");
    assert!(error.to_string().contains("busy"), "{error}");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_costs_its_sessions_only() {
    let mut lab = lab();
    let pool = Pool::new(lab.config.clone(), Role::Gateway).unwrap();
    let mut session = pool.session().await.unwrap();
    session.run(|session| session.mkdir_all("a")).await.unwrap();
    lab.server.kill();
    let error = session.run(|session| session.stat("a")).await.unwrap_err();
    assert!(error.is_connection(), "{error}");
    assert!(session.blocking().is_broken());
    drop(session);
    assert_eq!(pool.stats().open, 0);
    let error = pool.session().await.unwrap_err();
    assert!(error.is_connection() && error.is_transient(), "{error}");

    lab.server.restart().unwrap();
    poll(&pool).await;
    // An idle session whose end nobody saw is not handed out.
    lab.server.kill_sessions();
    let server = &lab.server;
    wait_until("sessions ended", || server.connections() == 0);
    poll(&pool).await;
    let dialed = pool.stats().dialed;
    poll(&pool).await;
    assert_eq!(pool.stats().dialed, dialed, "a good session is used again");
    pool.close_idle();
    wait_until("no connection left", || server.connections() == 0);
}

/// One look at the folder that is there, with a session of the pool.
async fn poll(pool: &Pool) {
    let mut session = pool.session().await.unwrap();
    let found = session.run(|session| session.stat("a")).await.unwrap();
    assert!(found.is_some_and(|meta| meta.is_dir));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_operation_keeps_its_slot_until_it_ends() {
    let mut lab = lab();
    lab.config.connections = 1;
    let pool = Pool::new(lab.config.clone(), Role::Gateway).unwrap();
    let mut session = pool.session().await.unwrap();
    let (go_on, hold) = std::sync::mpsc::channel::<()>();
    let work = session.run(move |session| {
        hold.recv().ok();
        session.stat(".").map(|_| ())
    });
    let soon = Duration::from_millis(50);
    assert!(tokio::time::timeout(soon, work).await.is_err());
    drop(session);
    let busy = pool.session_within(2 * soon).await;
    assert!(matches!(busy, Err(StorageError::Transient { .. })));
    go_on.send(()).unwrap();
    let mut session = pool.session().await.unwrap();
    session.run(|session| session.stat(".")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_early_leaves_a_clean_session() {
    let mut lab = lab();
    lab.config.connections = 1;
    let storage = SftpStorage::new(lab.config.clone(), Role::Gateway).unwrap();
    let content = bytes(8 << 20);
    fs::write(lab.server.root().join("big"), &content).unwrap();
    for _round in 0..3 {
        let mut reading = storage.read(&path("big"), WHOLE).await.unwrap();
        reading.next().await.unwrap().unwrap();
        drop(reading);
        let read = storage.read_small(&path("big"), 9 << 20).await;
        assert!(read.unwrap() == content);
    }
    assert_eq!(storage.pool().stats().dialed, 1);
    wait_until("all handles closed", || lab.server.open_files() == 0);
}

#[test]
fn a_hung_server_ends_by_the_timeout() {
    use rustix::process::{Pid, Signal, kill_process};
    let mut lab = lab();
    lab.config.timeouts.operation = Duration::from_secs(1);
    let mut session = Session::connect(&lab.config).unwrap();
    let pids = lab.server.pids();
    let signal = |signal| {
        for pid in &pids {
            let pid = Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
            kill_process(pid, signal).unwrap();
        }
    };
    signal(Signal::STOP);
    let started = Instant::now();
    let error = session.stat(".").unwrap_err();
    assert!(error.is_connection() && session.is_broken(), "{error}");
    drop(session);
    let took = started.elapsed();
    signal(Signal::CONT);
    assert!(took < Duration::from_secs(10), "{took:?}");
}
