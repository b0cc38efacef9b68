//! Listening, serving, and ending without cutting answers off.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use refity_shared::config::HttpSettings;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::start::StartError;

/// How long answers that are under way may take after a signal. Together with
/// what follows it stays below the 60 s that a service manager waits.
const DRAIN: Duration = Duration::from_secs(50);

/// The signals that end the process.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they are no longer deadly.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Binds both ports.
///
/// # Errors
/// [`StartError::PortInUse`] and [`StartError::Listen`].
pub(crate) async fn bind(http: &HttpSettings) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = vec![bind_one(http.registry, "PORT").await?];
    if let Some(web) = http.web {
        listeners.push(bind_one(web, "WEB_PORT").await?);
    }
    Ok(listeners)
}

async fn bind_one(address: SocketAddr, variable: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortInUse(address, variable),
            _ => StartError::Listen {
                address,
                variable,
                source,
            },
        })
}

/// Serves the router on all listeners until a signal comes, then lets the
/// answers that are under way end, as long as that takes no longer than
/// [`DRAIN`]. Uploads that are cut off can be resumed.
pub(crate) async fn serve(listeners: Vec<TcpListener>, router: &Router, signals: Signals) {
    let (stop, stopped) = watch::channel(false);
    let mut servers = JoinSet::new();
    for listener in listeners {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "listening on {address}");
        }
        let mut stopped = stopped.clone();
        let stopping = async move {
            // An error means that the sender is gone: stop too.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let listener = listener.tap_io(|stream| {
            // Only a matter of speed.
            let _ = stream.set_nodelay(true);
        });
        let server = axum::serve(listener, router.clone()).with_graceful_shutdown(stopping);
        servers.spawn(server.into_future());
    }
    signals.received().await;
    tracing::info!("ending: no new connections; requests under way are answered");
    let _ = stop.send(true);
    let drained = async { while servers.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("requests were still under way after {DRAIN:?}: they are cut off");
    }
    tracing::info!("ended");
}
