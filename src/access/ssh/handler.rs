//! What a connection is allowed: log-in, session channels, and nothing else.

use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::channel;
use crate::access::users::Account;
use crate::access::{Gate, Target};

/// What NX-OS says before it asks for a password.
const BANNER: &str = "User Access Verification\r\n";

/// One connection, as those see it who have to do with it.
#[derive(Default)]
pub(super) struct Connection {
    /// Ends the connection, whatever anybody waits for.
    pub(super) cut: CancellationToken,
    /// Somebody has logged in.
    pub(super) logged_in: Notify,
    channels: Mutex<Channels>,
}

#[derive(Default)]
struct Channels {
    open: usize,
    /// How many there have been.
    ever: u64,
}

impl Connection {
    /// How many channels there have been, where none is open now.
    pub(super) fn without_channel(&self) -> Option<u64> {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        (channels.open == 0).then_some(channels.ever)
    }

    fn open(self: &Arc<Self>, limit: usize) -> Option<Place> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if channels.open >= limit {
            return None;
        }
        channels.open += 1;
        channels.ever += 1;
        Some(Place(Arc::clone(self)))
    }
}

/// A channel's place among those of its connection.
pub(super) struct Place(Arc<Connection>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.channels.lock().unwrap_or_else(PoisonError::into_inner).open -= 1;
    }
}

/// A client: at first anybody, later a user.
pub(super) struct Visitor {
    target: Target,
    gate: Gate,
    connection: Arc<Connection>,
    account: Option<Arc<Account>>,
}

impl Visitor {
    pub(super) const fn new(target: Target, gate: Gate, connection: Arc<Connection>) -> Self {
        Self { target, gate, connection, account: None }
    }

    fn judged(&mut self, user: &str, account: Option<Arc<Account>>) -> Auth {
        match account {
            Some(account) => {
                self.account = Some(account);
                Auth::Accept
            }
            None => {
                let device = &*self.target.name;
                tracing::debug!(device, "SSH: a log-in as {user:?} was refused");
                Auth::reject()
            }
        }
    }

    fn known(&self, user: &str, key: &PublicKey) -> Option<Arc<Account>> {
        self.gate.users.by_key(user, key)
    }
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(Some(BANNER.to_owned()))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        let account = self.gate.users.by_password(user, password).await;
        Ok(self.judged(user, account))
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(if self.known(user, offer.public_key).is_some() { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        let account = self.known(user, key.public_key);
        Ok(self.judged(user, account))
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        self.connection.logged_in.notify_one();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        let place = self.connection.open(self.gate.limits.channels);
        let (Some(place), Some(account)) = (place, self.account.clone()) else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        };
        reply.accept().await;
        let (target, limits) = (self.target.clone(), Arc::clone(&self.gate.limits));
        let connection = Arc::clone(&self.connection);
        tokio::spawn(async move {
            let served = channel::serve(channel, &target, &account, &limits);
            tokio::select! {
                ended = served => if let Err(error) = ended {
                    tracing::debug!(device = &*target.name, user = account.name, "SSH: {error}");
                    // A client that does not take its end any more is not asked for it.
                    connection.cut.cancel();
                },
                () = connection.cut.cancelled() => {}
            }
            drop(place);
        });
        Ok(())
    }

    // The channel's own task hears of these requests too; here they are only answered.

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        // Neither SFTP nor NETCONF.
        session.channel_failure(channel)
    }
}
