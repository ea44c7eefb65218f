//! Ways into a switch from outside the process: SSH and NX-API (`spec/console.md` §3, §4).
//!
//! Each device has listeners of its own, and each session of a user is a console [`Session`] that runs its lines on the
//! device's own task, between two of the device's steps. Nobody gets in without being named by `[[user]]`, and every
//! size, count and time that a client can stretch has a limit in [`Limits`].
//!
//! [`Session`]: slpsim_console::Session

mod address;
mod host_key;
mod limits;
mod nxapi;
mod operator;
mod ssh;
#[cfg(test)]
mod tests;
mod tls;
mod users;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

pub use address::{Addresses, spread};
pub use limits::Limits;
pub use users::{Account, Users};

use crate::driver::Order;
use crate::error::BlameUser;

/// A device as those who come from outside find it.
#[derive(Clone)]
pub struct Target {
    /// Its name in configurations.
    pub name: Arc<str>,
    /// Where its orders go.
    pub orders: mpsc::Sender<Order>,
    /// Folder of its keys.
    pub keys: PathBuf,
}

/// Who may come in, and how far.
#[derive(Clone)]
pub struct Gate {
    /// The users.
    pub users: Arc<Users>,
    /// The limits.
    pub limits: Arc<Limits>,
}

/// The listeners of one device, closed when dropped.
#[derive(Debug, Default)]
pub struct Access {
    /// Where SSH listens.
    pub ssh: Option<SocketAddr>,
    /// Where NX-API listens over HTTP.
    pub nxapi: Option<SocketAddr>,
    /// Where NX-API listens over HTTPS.
    pub nxapi_https: Option<SocketAddr>,
    tasks: Vec<AbortHandle>,
}

impl Access {
    /// Opens the listeners of `target` at `addresses`.
    ///
    /// # Errors
    /// Where an address is taken or not ours, or a key cannot be kept; one line for the user.
    pub fn open(target: &Target, gate: &Gate, addresses: &Addresses) -> Result<Self> {
        let mut access = Self::default();
        if let Some(address) = addresses.ssh {
            let listener = bind("SSH", address, target)?;
            access.ssh = Some(listener.local_addr()?);
            access.tasks.push(ssh::listen(listener, target.clone(), gate.clone())?.abort_handle());
        }
        if let Some(address) = addresses.nxapi {
            let listener = bind("NX-API", address, target)?;
            access.nxapi = Some(listener.local_addr()?);
            access.tasks.push(nxapi::listen(listener, None, target.clone(), gate.clone())?);
        }
        if let Some(address) = addresses.nxapi_https {
            let listener = bind("NX-API", address, target)?;
            let tls = tls::server_config(&target.keys).context("certificate of NX-API").blame_user()?;
            access.nxapi_https = Some(listener.local_addr()?);
            access.tasks.push(nxapi::listen(listener, Some(tls), target.clone(), gate.clone())?);
        }
        Ok(access)
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn bind(what: &str, address: SocketAddr, target: &Target) -> Result<std::net::TcpListener> {
    let bind = || -> std::io::Result<std::net::TcpListener> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().with_context(|| format!("device {}: {what} cannot listen at {address}", target.name)).blame_user()
}
