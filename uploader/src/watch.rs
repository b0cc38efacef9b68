//! Wakes the worker when a gateway touches the spool's wake folder. This is
//! only a hint: inotify may lose events, and the worker also polls.

use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::service::Uploader;

/// Watches until the returned value is dropped. Without a watch, for example if
/// no inotify watches are left, the worker is only slower.
pub(crate) fn start(uploader: &Uploader) -> Option<RecommendedWatcher> {
    let wake = Arc::clone(&uploader.wake);
    let folder = uploader.node.spool.wake_folder();
    let watch = notify::recommended_watcher(move |event| {
        match event {
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the watch lost something"),
        }
        wake.notify_one();
    })
    .and_then(|mut watcher| {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    match watch {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "no watch on the spool: jobs start up to a second later");
            None
        }
    }
}
