//! Accepts connections, up to the limit.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use refity_node::supervise::Part;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::connection::{prepare, serve, stopped};
use super::{Server, refuse};
use crate::client::ClientKey;

/// How long to pause after the system failed to accept a connection. It is out
/// of files or memory, so immediate retries would only use CPU time.
const PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections until `stop`. Each connection holds a clone of `alive` until it has ended.
pub(super) async fn accept(
    listener: TcpListener,
    server: Arc<Server>,
    mut stop: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
    part: Part,
) {
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => return part.end(),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                part.step(async { take(&server, stream, peer, &stop, &alive) })
                    .await;
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken; trying again in {PAUSE:?}");
                tokio::select! {
                    () = stopped(&mut stop) => return part.end(),
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// Whether only this connection failed, before it was accepted (accept(2)).
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::Interrupted
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::PermissionDenied
            | Kind::TimedOut
    )
}

fn take(
    server: &Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    stop: &watch::Receiver<bool>,
    alive: &mpsc::Sender<()>,
) {
    let address = peer.ip().to_canonical();
    // A proxy forwards the connections of many clients.
    let client = (!server.proxies.contains(address)).then(|| ClientKey::of(address));
    let permit = match server.connections.acquire(client) {
        Ok(permit) => permit,
        Err(full) => return refuse::refuse(server, stream, address, full),
    };
    prepare(&stream);
    let (server, stop, alive) = (Arc::clone(server), stop.clone(), alive.clone());
    tokio::spawn(async move {
        serve(&server, stream, address, stop).await;
        drop((permit, alive));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepting_pauses_without_files_or_memory() {
        for (code, clients) in [
            (rustix::io::Errno::MFILE, false),
            (rustix::io::Errno::NFILE, false),
            (rustix::io::Errno::NOBUFS, false),
            (rustix::io::Errno::NOMEM, false),
            (rustix::io::Errno::CONNABORTED, true),
            (rustix::io::Errno::INTR, true),
            (rustix::io::Errno::HOSTUNREACH, true),
        ] {
            assert_eq!(is_the_clients(&code.into()), clients, "{code}");
        }
    }
}
