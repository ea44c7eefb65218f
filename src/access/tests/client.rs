//! A client of SSH, and a switch that it can reach without a socket.

use std::sync::Arc;

use russh::client::{self, AuthResult, Msg};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg};
use slpsim_config::{Credential, Secret, User};
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::access::ssh::Door;
use crate::access::{Gate, Limits, Target, Users};
use crate::driver::Order;
use crate::driver::tests::Bench;

/// A switch with an administrator, an operator, and somebody who has a key.
pub(super) struct Lab {
    pub(super) orders: mpsc::Sender<Order>,
    door: Arc<Door>,
    _bench: Bench,
    _keys: TempDir,
}

/// Believes any host key.
pub(super) struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// A client that has logged in.
pub(super) struct LoggedIn(pub(super) client::Handle<Trusting>);

impl Lab {
    pub(super) fn new() -> Self {
        Self::with(Limits::default(), Vec::new())
    }

    pub(super) fn with_limits(limits: Limits) -> Self {
        Self::with(limits, Vec::new())
    }

    pub(super) fn with_key(key: &PrivateKey) -> Self {
        Self::with(Limits::default(), vec![key.public_key().to_openssh().unwrap()])
    }

    fn with(limits: Limits, keys: Vec<String>) -> Self {
        let bench = Bench::new();
        let (orders, _) = bench.boot(u32::MAX);
        let folder = tempfile::tempdir().unwrap();
        let password = |text| Some(Credential::Password(Secret::new(text)));
        let user = |name: &str, credential, keys, admin| User { name: name.into(), credential, keys, admin };
        let users = [
            user("admin", password("secret"), Vec::new(), true),
            user("viewer", password("look"), Vec::new(), false),
            user("robot", None, keys, true),
        ];
        let gate = Gate { users: Arc::new(Users::of(&users).unwrap()), limits: Arc::new(limits) };
        let target = Target { name: "switch".into(), orders: orders.clone(), keys: folder.path().into() };
        Self { orders, door: Arc::new(Door::new(target, gate)), _bench: bench, _keys: folder }
    }

    /// A connection to the switch, as bytes.
    pub(super) fn connect(&self) -> DuplexStream {
        self.served().0
    }

    /// The same, and what ends when the switch no longer serves it.
    pub(super) fn served(&self) -> (DuplexStream, JoinHandle<()>) {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let door = Arc::clone(&self.door);
        (ours, tokio::spawn(async move { door.serve(theirs).await }))
    }

    /// A connection to the switch before the log-in.
    pub(super) async fn call(&self, config: client::Config) -> client::Handle<Trusting> {
        client::connect_stream(Arc::new(config), self.connect(), Trusting).await.unwrap()
    }

    pub(super) async fn log_in(&self, user: &str, password: &str) -> Option<LoggedIn> {
        let mut handle = self.call(client::Config::default()).await;
        let result = handle.authenticate_password(user, password).await.unwrap();
        (result == AuthResult::Success).then_some(LoggedIn(handle))
    }

    pub(super) async fn log_in_by_key(&self, user: &str, key: PrivateKey) -> Option<LoggedIn> {
        let mut handle = self.call(client::Config::default()).await;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        let result = handle.authenticate_publickey(user, key).await.unwrap();
        (result == AuthResult::Success).then_some(LoggedIn(handle))
    }
}

impl LoggedIn {
    /// Output and exit status of commands.
    pub(super) async fn exec(&self, commands: &str) -> (String, Option<u32>) {
        let channel = self.0.channel_open_session().await.unwrap();
        channel.exec(true, commands).await.unwrap();
        Typist { channel, seen: String::new(), status: None }.end().await
    }
}

/// Somebody at a shell.
pub(super) struct Typist {
    channel: Channel<Msg>,
    seen: String,
    status: Option<u32>,
}

impl Typist {
    pub(super) async fn start(client: &LoggedIn, columns: u32, rows: u32) -> Self {
        let channel = client.0.channel_open_session().await.unwrap();
        channel.request_pty(true, "xterm", columns, rows, 0, 0, &[]).await.unwrap();
        channel.request_shell(true).await.unwrap();
        Self { channel, seen: String::new(), status: None }
    }

    pub(super) async fn without_terminal(client: &LoggedIn) -> Self {
        let channel = client.0.channel_open_session().await.unwrap();
        channel.request_shell(true).await.unwrap();
        Self { channel, seen: String::new(), status: None }
    }

    pub(super) async fn types(&self, text: &str) {
        self.channel.data(text.as_bytes()).await.unwrap();
    }

    pub(super) async fn types_bytes(&self, bytes: &[u8]) {
        self.channel.data(bytes).await.unwrap();
    }

    pub(super) async fn resize(&self, columns: u32, rows: u32) {
        self.channel.window_change(columns, rows, 0, 0).await.unwrap();
    }

    /// Says that nothing more will be typed.
    pub(super) async fn no_more(&self) {
        self.channel.eof().await.unwrap();
    }

    /// What the terminal shows, up to and with `wanted`.
    pub(super) async fn until(&mut self, wanted: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(wanted) {
                let rest = self.seen.split_off(at + wanted.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            assert!(self.hear().await, "{wanted:?} never came: {:?}", self.seen);
        }
    }

    /// What else it shows until the channel ends, and the exit status.
    pub(super) async fn end(mut self) -> (String, Option<u32>) {
        while self.hear().await {}
        (self.seen, self.status)
    }

    async fn hear(&mut self) -> bool {
        match self.channel.wait().await {
            None => return false,
            Some(ChannelMsg::Data { data }) => self.seen.push_str(&String::from_utf8_lossy(&data)),
            Some(ChannelMsg::ExitStatus { exit_status }) => self.status = Some(exit_status),
            Some(_) => {}
        }
        true
    }
}
