//! A user's console session, whose lines run on the device's own task.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc};

use slpsim_console::session::Completion;
use slpsim_console::{Reply, Session};

use super::users::Account;
use crate::driver::{self, Device, LogLine, Order, ask};

/// The device has ended; so does every session on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device has ended")]
pub(super) struct Gone;

/// A session of a user on a device.
pub(super) struct Operator {
    orders: mpsc::Sender<Order>,
    session: Session,
}

/// What a session begins with.
pub(super) struct Greeting {
    /// The prompt.
    pub(super) prompt: String,
    /// Minutes without input after which sessions end, where the configuration says so.
    pub(super) timeout_min: Option<u32>,
}

impl Operator {
    /// A session of `account` at the exec prompt.
    pub(super) fn new(orders: mpsc::Sender<Order>, account: &Account) -> Self {
        Self { orders, session: Session::of(&account.name, account.role) }
    }

    /// The session's settings.
    pub(super) const fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Runs one line, and does what it wants done.
    pub(super) async fn line(&mut self, line: String) -> Result<Reply, Gone> {
        // A copy goes: whoever gives up waiting keeps the session as it was.
        let session = self.session.clone();
        let (session, reply) = driver::line(&self.orders, session, &line).await.map_err(|_| Gone)?;
        self.session = session;
        Ok(reply)
    }

    /// What Tab does behind `before`, the part of the line before the cursor.
    pub(super) async fn complete(&self, before: String) -> Result<Completion, Gone> {
        let session = self.session.clone();
        let look = move |device: &mut Device| Ok(session.completion(device.parts().agent.profile(), &before));
        ask(&self.orders, look).await.map_err(|_| Gone)
    }

    /// What `?` answers where `before` has been typed.
    pub(super) async fn help(&self, before: String) -> Result<String, Gone> {
        let session = self.session.clone();
        let look = move |device: &mut Device| {
            let parts = device.parts();
            let hostname = &parts.switch.config.hostname;
            Ok(session.help_at(parts.agent.profile(), hostname, &before).text)
        };
        ask(&self.orders, look).await.map_err(|_| Gone)
    }

    /// The log lines of the device from now on.
    pub(super) async fn listen(&self) -> Result<broadcast::Receiver<Arc<LogLine>>, Gone> {
        ask(&self.orders, |device: &mut Device| Ok(device.listen())).await.map_err(|_| Gone)
    }

    /// Whether this session shows a log line.
    pub(super) fn hears(&self, line: &LogLine) -> bool {
        self.session.hears(line.severity, &line.logging)
    }

    /// Waits until the device is there, and greets.
    pub(super) async fn greet(&self) -> Result<Greeting, Gone> {
        let session = self.session.clone();
        let look = move |device: &mut Device| {
            let config = &device.parts().switch.config;
            let prompt = session.prompt(&config.hostname);
            Ok(Greeting { prompt, timeout_min: config.lines.vty_timeout_min })
        };
        ask(&self.orders, look).await.map_err(|_| Gone)
    }
}
