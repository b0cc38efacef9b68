//! Wakes the worker when a gateway touches the spool's wake folder. It only
//! wakes: inotify may lose events, and the worker looks by itself too.

use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::service::Uploader;

/// Watches until the value is dropped. Without a watch (no inotify watches
/// left, say) the worker is only slower.
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
