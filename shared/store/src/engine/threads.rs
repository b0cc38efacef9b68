//! The threads of a store, and notification when one of them ends.

use tokio::sync::watch;

use crate::StoreError;

/// Starts the threads, and records the first one that ends. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Threads {
    ended: watch::Sender<Option<&'static str>>,
}

impl Threads {
    pub(crate) fn new() -> Self {
        Self {
            ended: watch::Sender::new(None),
        }
    }

    /// Starts a thread of this name.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub(crate) fn start(
        &self,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), StoreError> {
        let end = ExitReport {
            name,
            threads: self.clone(),
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _end = end;
                work();
            })
            .map_err(|error| StoreError::Other(format!("cannot start a thread: {error}")))?;
        Ok(())
    }

    /// Returns the name of the first thread that has ended.
    pub(crate) async fn ended(&self) -> &'static str {
        let mut ended = self.ended.subscribe();
        loop {
            if let Some(name) = *ended.borrow_and_update() {
                return name;
            }
            if ended.changed().await.is_err() {
                // Unreachable while `self` holds the sender.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Reports the end of its thread on drop, even after a panic.
struct ExitReport {
    name: &'static str,
    threads: Threads,
}

impl Drop for ExitReport {
    fn drop(&mut self) {
        let name = self.name;
        self.threads.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(name);
            }
            first
        });
    }
}
