//! A TCP connection that can be reset by other code.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Resets its [`Line`].
#[derive(Debug, Clone, Default)]
pub struct Cutter(Arc<Notify>);

impl Cutter {
    /// Resets the connection with RST.
    pub fn cut(&self) {
        // `notify_one` stores a permit, so a cut between two polls is not lost.
        self.0.notify_one();
    }
}

/// A connection that its [`Cutter`] can reset.
pub struct Line<G> {
    /// Dropped before the connection is closed, so that a client that
    /// reconnects is not counted twice.
    guard: Option<G>,
    stream: TcpStream,
    until_cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_cut: bool,
}

impl<G> Line<G> {
    /// Wraps a connection, which holds the guard until it is closed.
    #[must_use]
    pub fn new(stream: TcpStream, cutter: &Cutter, guard: G) -> Self {
        let notify = Arc::clone(&cutter.0);
        Self {
            guard: Some(guard),
            stream,
            until_cut: Box::pin(async move { notify.notified().await }),
            is_cut: false,
        }
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.is_cut && self.until_cut.as_mut().poll(context).is_ready() {
            self.is_cut = true;
            self.stream.set_zero_linger()?;
        }
        if self.is_cut {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl<G: Unpin> AsyncRead for Line<G> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<G: Unpin> AsyncWrite for Line<G> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.guard = None;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
