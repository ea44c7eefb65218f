//! One channel: what the client has typed, and what it is sent, neither without limit.

use std::collections::VecDeque;
use std::sync::Arc;

use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::time::timeout;

use crate::access::Limits;
use crate::access::operator::Gone;

/// Bytes handed to the channel at a time.
const CHUNK: usize = 16 << 10;
/// Ctrl-C.
const INTERRUPT: u8 = 3;

/// Why a channel is at its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The client has closed it.
    #[error("closed by the client")]
    Closed,
    /// The client has opened a channel and asks for nothing.
    #[error("a channel without a request")]
    Silent,
    /// The client does not read.
    #[error("the client does not read what it asked for")]
    Deaf,
    /// The client sends while nobody can listen.
    #[error("more typed ahead than the limit allows")]
    TypedAhead,
    /// The device has ended.
    #[error("{0}")]
    Gone(#[from] Gone),
}

/// A pseudo-terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: u32,
    pub(super) rows: u32,
}

/// What the client wants of the channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Shell,
    Exec(Vec<u8>),
}

/// A channel of a client.
pub(super) struct Wire {
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    inbox: Inbox,
    limits: Arc<Limits>,
}

#[derive(Default)]
struct Inbox {
    typed: VecDeque<u8>,
    limit: usize,
    wanted: Option<Wanted>,
    pty: Option<Size>,
    resized: bool,
    /// The client will not type any more.
    ended: bool,
    /// Something is being printed, so that Ctrl-C is about that.
    printing: bool,
    interrupted: bool,
}

impl Wire {
    pub(super) fn new(channel: Channel<Msg>, limits: &Arc<Limits>) -> Self {
        let (read, write) = channel.split();
        let inbox = Inbox { limit: limits.typed_ahead, ..Inbox::default() };
        Self { read, write, inbox, limits: Arc::clone(limits) }
    }

    /// Waits until the client says what it wants, and tells whether it has a terminal.
    pub(super) async fn wanted(&mut self) -> Result<(Wanted, Option<Size>), WireError> {
        let patience = self.limits.no_channel;
        let asked = async {
            while self.inbox.wanted.is_none() {
                let message = self.read.wait().await;
                self.inbox.take(message)?;
            }
            Ok::<_, WireError>(())
        };
        timeout(patience, asked).await.map_err(|_| WireError::Silent)??;
        self.inbox.resized = false;
        let wanted = self.inbox.wanted.take().ok_or(WireError::Closed)?;
        Ok((wanted, self.inbox.pty))
    }

    /// Waits for the client to say something.
    pub(super) async fn listen(&mut self) -> Result<(), WireError> {
        let message = self.read.wait().await;
        self.inbox.take(message)
    }

    /// The next byte that has been typed.
    pub(super) fn typed(&mut self) -> Option<u8> {
        self.inbox.typed.pop_front()
    }

    /// Whether the client has said that it types no more.
    pub(super) const fn has_ended(&self) -> bool {
        self.inbox.ended
    }

    /// The new size of the terminal, where it has changed.
    pub(super) fn resized(&mut self) -> Option<Size> {
        std::mem::take(&mut self.inbox.resized).then_some(self.inbox.pty).flatten()
    }

    /// Does something that takes time, while what the client says is noted.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, WireError> {
        during(&mut self.read, &mut self.inbox, work).await
    }

    /// Sends text, until the client has it, or interrupts it.
    pub(super) async fn put(&mut self, text: &[u8]) -> Result<(), WireError> {
        // What was interrupted before is over.
        (self.inbox.printing, self.inbox.interrupted) = (true, false);
        for chunk in text.chunks(CHUNK) {
            let sending = timeout(self.limits.output_patience, self.write.data_bytes(chunk.to_vec()));
            match during(&mut self.read, &mut self.inbox, sending).await? {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(WireError::Closed),
                Err(_) => return Err(WireError::Deaf),
            }
            if self.inbox.interrupted {
                break;
            }
        }
        self.inbox.printing = false;
        Ok(())
    }

    /// Whether Ctrl-C was typed during the last output.
    pub(super) fn was_interrupted(&mut self) -> bool {
        std::mem::take(&mut self.inbox.interrupted)
    }

    /// Ends the channel as a program ends (RFC 4254 §6.10, §5.3).
    pub(super) async fn end(mut self, status: u32) -> Result<(), WireError> {
        let patience = self.limits.output_patience;
        let write = &self.write;
        let ending = timeout(patience, async {
            write.exit_status(status).await?;
            write.eof().await?;
            write.close().await
        });
        match during(&mut self.read, &mut self.inbox, ending).await {
            Ok(Ok(_)) | Err(WireError::Closed) => Ok(()),
            Ok(Err(_)) => Err(WireError::Deaf),
            Err(error) => Err(error),
        }
    }
}

async fn during<T>(
    read: &mut ChannelReadHalf,
    inbox: &mut Inbox,
    work: impl Future<Output = T>,
) -> Result<T, WireError> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            message = read.wait() => inbox.take(message)?,
        }
    }
}

impl Inbox {
    fn take(&mut self, message: Option<ChannelMsg>) -> Result<(), WireError> {
        match message {
            None | Some(ChannelMsg::Close) => return Err(WireError::Closed),
            Some(ChannelMsg::Data { data }) => self.data(&data)?,
            Some(ChannelMsg::Eof) => self.ended = true,
            Some(ChannelMsg::RequestPty { col_width, row_height, .. }) => {
                self.pty = Some(Size { columns: col_width, rows: row_height });
            }
            Some(ChannelMsg::WindowChange { col_width, row_height, .. }) if self.pty.is_some() => {
                self.pty = Some(Size { columns: col_width, rows: row_height });
                self.resized = true;
            }
            Some(ChannelMsg::RequestShell { .. }) => {
                self.wanted.get_or_insert(Wanted::Shell);
            }
            Some(ChannelMsg::Exec { command, .. }) => {
                self.wanted.get_or_insert(Wanted::Exec(command));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn data(&mut self, data: &[u8]) -> Result<(), WireError> {
        let mut data = data;
        if self.printing
            && self.pty.is_some()
            && let Some(at) = data.iter().rposition(|byte| *byte == INTERRUPT)
        {
            // As a terminal does: what was typed before it is gone.
            self.interrupted = true;
            self.typed.clear();
            data = data.get(at + 1..).unwrap_or_default();
        }
        if self.typed.len() + data.len() > self.limit {
            return Err(WireError::TypedAhead);
        }
        self.typed.extend(data);
        Ok(())
    }
}
