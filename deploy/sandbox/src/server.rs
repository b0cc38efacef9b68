//! Connections, sign-in and channels.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, run_stream};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet};
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::hooks::{Admission, Hooks};
use super::line::{Cutter, Line};
use super::session;
use super::tree::Tree;

/// Maximum concurrent connections; further ones are closed.
const CONNECTIONS: usize = 64;
/// Maximum SFTP channels per connection.
const CHANNELS: usize = 8;
/// Receive window per channel in bytes.
const WINDOW: u32 = 2 << 20;
/// Delay after a rejected password.
const REJECTION_DELAY: Duration = Duration::from_millis(200);
/// Idle timeout of a connection.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// Polling interval of a waiting connection.
const HOLD: Duration = Duration::from_millis(20);
/// Pause after a failed `accept`, usually because descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The account. Keeps only hashes of equal length, so that comparisons do not
/// leak the password.
pub struct Account {
    username: [u8; 32],
    password: [u8; 32],
}

impl Account {
    /// Creates an account with a password.
    #[must_use]
    pub fn new(username: &str, password: &str) -> Self {
        Self {
            username: Sha256::digest(username).into(),
            password: Sha256::digest(password).into(),
        }
    }

    fn admits(&self, username: &str, password: &str) -> bool {
        let given = Self::new(username, password);
        let differs = |a: [u8; 32], b: [u8; 32]| {
            std::hint::black_box(a.iter().zip(b).fold(0, |bits, (a, b)| bits | (a ^ b)))
        };
        // `|`, not `||`: always compare both.
        differs(self.username, given.username) | differs(self.password, given.password) == 0
    }
}

/// An SFTP server for one folder and one account.
pub struct SftpServer {
    ssh: Arc<Config>,
    shared: Arc<Shared>,
}

/// State shared by all connections.
pub(super) struct Shared {
    pub(super) tree: Tree,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) open_handles: Arc<AtomicUsize>,
    account: Account,
}

impl SftpServer {
    /// Creates a server that is not listening yet.
    #[must_use]
    pub fn new(tree: Tree, account: Account, host_key: PrivateKey, hooks: Arc<dyn Hooks>) -> Self {
        let ssh = Config {
            methods: methods(),
            auth_rejection_time: REJECTION_DELAY,
            auth_rejection_time_initial: Some(Duration::ZERO),
            max_auth_attempts: 6,
            keys: vec![host_key],
            window_size: WINDOW,
            inactivity_timeout: Some(IDLE),
            nodelay: true,
            ..Config::default()
        };
        Self {
            ssh: Arc::new(ssh),
            shared: Arc::new(Shared {
                tree,
                hooks,
                open_handles: Arc::default(),
                account,
            }),
        }
    }

    /// Returns the number of handles that clients have open.
    #[must_use]
    pub fn open_handles(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.shared.open_handles)
    }

    /// Accepts connections forever. Dropping the future stops accepting;
    /// connections end with the runtime.
    pub async fn serve(&self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok((stream, _peer)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let admitted = loop {
                match self.shared.hooks.admit() {
                    Admission::Serve => break true,
                    Admission::Refuse => break false,
                    Admission::Hold => tokio::time::sleep(HOLD).await,
                }
            };
            if !admitted {
                continue;
            }
            let admitted = Admitted(Arc::clone(&self.shared.hooks));
            if let Ok(place) = Arc::clone(&room).try_acquire_owned() {
                let (ssh, shared) = (Arc::clone(&self.ssh), Arc::clone(&self.shared));
                // Ignore how a connection ends.
                tokio::spawn(async move {
                    let _ended = converse(stream, ssh, shared, admitted).await;
                    drop(place);
                });
            }
        }
    }
}

fn methods() -> MethodSet {
    MethodSet::from(&[MethodKind::Password][..])
}

/// An admitted connection.
struct Admitted(Arc<dyn Hooks>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

/// Serves one connection until it ends.
async fn converse(
    stream: TcpStream,
    ssh: Arc<Config>,
    shared: Arc<Shared>,
    admitted: Admitted,
) -> Result<(), russh::Error> {
    stream.set_nodelay(true)?;
    let cutter = Cutter::default();
    let line = Line::new(stream, &cutter, admitted);
    shared.hooks.connected(&cutter);
    let connection = Connection {
        shared,
        cutter,
        idle_channels: HashMap::new(),
        sessions: Arc::new(Semaphore::new(CHANNELS)),
    };
    run_stream(ssh, line, connection).await?.await
}

struct Connection {
    shared: Arc<Shared>,
    cutter: Cutter,
    /// Channels without a subsystem yet.
    idle_channels: HashMap<ChannelId, Channel<Msg>>,
    sessions: Arc<Semaphore>,
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let right = self.shared.account.admits(user, password);
        Ok(if self.shared.hooks.signed_in(right) {
            Auth::Accept
        } else {
            Auth::Reject {
                proceed_with_methods: Some(methods()),
                partial_success: false,
            }
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.idle_channels.len() >= CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
        } else {
            self.idle_channels.insert(channel.id(), channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.idle_channels.remove(&channel);
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let place = Arc::clone(&self.sessions).try_acquire_owned();
        let (Ok(place), "sftp", Some(channel)) = (place, name, self.idle_channels.remove(&id))
        else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let (shared, cutter) = (Arc::clone(&self.shared), self.cutter.clone());
        tokio::spawn(async move {
            session::serve(channel, shared, cutter).await;
            drop(place);
        });
        Ok(())
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _terminal: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_name_and_password_sign_in() {
        let account = Account::new("refity", "secret");
        assert!(account.admits("refity", "secret"));
        for (username, password) in [
            ("refity", "Secret"),
            ("root", "secret"),
            ("refity", ""),
            ("", ""),
        ] {
            assert!(!account.admits(username, password), "{username}:{password}");
        }
    }
}
