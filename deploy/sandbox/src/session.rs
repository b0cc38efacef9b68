//! The SFTP packets of one channel.
//!
//! Three parts run concurrently: this task splits the input into packets, a
//! blocking thread executes them in order, and another task sends the
//! responses. So a client can have many requests outstanding.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use russh::server::Msg;
use russh::{Channel, ChannelReadHalf, ChannelWriteHalf};
use russh_sftp::protocol::Packet;
use tokio::io::{AsyncRead, AsyncReadExt as _, BufReader};
use tokio::sync::mpsc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::files::Files;
use super::hooks::Outcome;
use super::line::Cutter;
use super::server::Shared;

/// Maximum packet size in bytes, as in OpenSSH.
pub(super) const LONGEST_PACKET: u32 = 256 * 1024;
/// Maximum bytes of queued requests. Must hold the small packets of a client
/// that reads far ahead: while packets wait unread, the client's window is not
/// extended.
const BACKLOG: u32 = 2 << 20;
/// Minimum bytes that a request takes in the backlog.
const LEAST_COST: u32 = 256;
/// Maximum number of queued responses.
const ANSWERS: usize = 16;

/// A request with its share of the backlog.
type Waiting = (Packet, OwnedSemaphorePermit);

/// Serves one channel until the client closes it or breaks the protocol.
pub(super) async fn serve(channel: Channel<Msg>, shared: Arc<Shared>, cutter: Cutter) {
    let (incoming, outgoing) = channel.split();
    let (requests, to_do) = mpsc::unbounded_channel();
    let (answers, to_send) = mpsc::channel(ANSWERS);
    let worker = tokio::task::spawn_blocking(move || work(to_do, &answers, &shared, &cutter));
    let sender = tokio::spawn(send(outgoing, to_send));

    // A protocol error ends the channel like an end of file.
    let _ended = receive(incoming, requests).await;
    // Both end once there are no more requests.
    let _worked = worker.await;
    let _sent = sender.await;
}

async fn receive(
    mut incoming: ChannelReadHalf,
    requests: mpsc::UnboundedSender<Waiting>,
) -> io::Result<()> {
    let backlog = Arc::new(Semaphore::new(BACKLOG as usize));
    let mut reader = BufReader::with_capacity(64 * 1024, incoming.make_reader());
    loop {
        let (packet, length) = read_packet(&mut reader).await?;
        let share = Arc::clone(&backlog)
            .acquire_many_owned(length.max(LEAST_COST))
            .await
            .map_err(io::Error::other)?;
        if requests.send((packet, share)).is_err() {
            return Ok(());
        }
    }
}

async fn read_packet(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<(Packet, u32)> {
    let length = reader.read_u32().await?;
    if length > LONGEST_PACKET {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut packet = vec![0; length as usize];
    reader.read_exact(&mut packet).await?;
    let packet = Packet::try_from(&mut Bytes::from(packet)).map_err(io::Error::other)?;
    Ok((packet, length))
}

fn work(
    mut to_do: mpsc::UnboundedReceiver<Waiting>,
    answers: &mpsc::Sender<Bytes>,
    shared: &Shared,
    cutter: &Cutter,
) {
    let mut files = Files::new(
        shared.tree.clone(),
        Arc::clone(&shared.hooks),
        Arc::clone(&shared.open_handles),
    );
    while let Some((packet, _share)) = to_do.blocking_recv() {
        let operation = files.describe(&packet);
        let mut packet = Some(packet);
        let mut execute = || files.execute(operation.id, packet.take());
        match shared.hooks.around(&operation, &mut execute) {
            Outcome::Answer(answer) => {
                let sent = Bytes::try_from(answer).map(|bytes| answers.blocking_send(bytes));
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
            Outcome::Silence => {}
            Outcome::Disconnect => return cutter.cut(),
        }
    }
}

async fn send(outgoing: ChannelWriteHalf<Msg>, mut to_send: mpsc::Receiver<Bytes>) {
    while let Some(answer) = to_send.recv().await {
        if outgoing.data_bytes(answer).await.is_err() {
            return;
        }
    }
    // The client may have disconnected.
    let _told = outgoing.exit_status(0).await;
    let _told = outgoing.eof().await;
    let _told = outgoing.close().await;
}
