//! A stream that can be cut from outside, and that does not wait for ever for a client to read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A stream with a guard.
pub(super) struct Guarded<S> {
    stream: S,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    is_cut: bool,
    patience: Duration,
    /// Since when the peer takes nothing, where that is so.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    /// `stream`, until `cut` is cancelled or the peer has taken nothing for as long as `patience`.
    pub(super) fn new(stream: S, cut: CancellationToken, patience: Duration) -> Self {
        let cut = Box::pin(cut.cancelled_owned());
        Self { stream, cut, is_cut: false, patience, waiting: None }
    }

    fn poll_cut(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.is_cut = self.is_cut || self.cut.as_mut().poll(cx).is_ready();
        if self.is_cut { Err(io::Error::from(io::ErrorKind::ConnectionAborted)) } else { Ok(()) }
    }

    /// Lets a write that is pending fail in the end.
    fn poll_patience<T>(&mut self, cx: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.waiting = None;
            return write;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        if waiting.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut)));
        }
        write
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_cut(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, to)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_cut(cx)?;
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_patience(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_cut(cx)?;
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.poll_patience(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.poll_patience(cx, done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up_and_one_that_takes_slowly_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let patience = Duration::from_secs(60);
        let mut guarded = Guarded::new(ours, CancellationToken::new(), patience);
        guarded.write_all(b"12345678").await.unwrap();
        let began = Instant::now();
        let reading = async {
            for _ in 0..5 {
                sleep(Duration::from_secs(50)).await;
                theirs.read_u8().await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(guarded.write_all(b"12345"), reading);
        written.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(250));
        let error = guarded.write_all(b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), Duration::from_secs(310));
    }

    #[tokio::test]
    async fn a_cut_ends_whoever_waits_for_the_peer() {
        let (ours, _theirs) = tokio::io::duplex(8);
        let cut = CancellationToken::new();
        let mut guarded = Guarded::new(ours, cut.clone(), Duration::from_secs(60));
        let reading = tokio::spawn(async move { guarded.read_u8().await });
        cut.cancel();
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
