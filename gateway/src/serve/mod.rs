//! Listens, serves, and shuts down without cutting off responses.

mod accept;
mod activity;
mod connection;
mod open_files;
mod refuse;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use refity_config::{HttpSettings, LimitSettings, TrustedProxies};
use refity_node::supervise::Parts;
use refity_node::watchdog;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::limit::Limit;
use crate::start::StartError;

/// How long active responses may take after a signal. The total time of the
/// shutdown stays below the 60 s that a service manager waits.
const DRAIN: Duration = Duration::from_secs(50);

/// The time limit for starting to serve a connection.
const ACCEPT_MAX: Duration = Duration::from_secs(60);

/// The signals that end the process.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Registers the signals, which no longer kill the process from now on.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns when one of them comes.
    pub(crate) async fn received(mut self) {
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

/// The state that all connections share.
pub(crate) struct Server {
    router: Router,
    builder: Builder<TokioExecutor>,
    proxies: TrustedProxies,
    header_timeout: Duration,
    connections: Arc<Limit>,
    refusals: Arc<Limit>,
}

impl Server {
    /// Creates a server for this router, with these limits.
    pub(crate) fn new(router: Router, limits: &LimitSettings, proxies: TrustedProxies) -> Self {
        let connections = open_files::connections(limits.connections);
        let refusals = refuse::REFUSALS_MAX;
        Self {
            router,
            builder: connection::builder(limits.header_timeout),
            proxies,
            header_timeout: limits.header_timeout,
            connections: Limit::new(connections, limits.connections_each),
            refusals: Limit::new(refusals, refusals),
        }
    }
}

/// Serves on all listeners until `asked_to_end` is done, then waits up to
/// [`DRAIN`] for active responses. Uploads that are cut off can be resumed. `stop`
/// notifies everything else that must shut down.
pub(crate) async fn serve(
    listeners: Vec<TcpListener>,
    server: Server,
    asked_to_end: impl Future<Output = ()>,
    stop: watch::Sender<bool>,
    parts: &Parts,
) {
    let server = Arc::new(server);
    let stopped = stop.subscribe();
    let (alive, mut ended) = mpsc::channel(1);
    for listener in listeners {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "listening on {address}");
        }
        let server = Arc::clone(&server);
        tokio::spawn(accept::accept(
            listener,
            server,
            stopped.clone(),
            alive.clone(),
            parts.begin("connections", ACCEPT_MAX),
        ));
    }
    drop(alive);
    asked_to_end.await;
    watchdog::stopping();
    tracing::info!("ending: no new connections; requests under way are answered");
    let _ = stop.send(true);
    // Nothing is ever sent: the channel closes with the last connection.
    if tokio::time::timeout(DRAIN, ended.recv()).await.is_err() {
        tracing::warn!("requests were still under way after {DRAIN:?}: they are cut off");
    }
    tracing::info!("ended");
}
