//! NX-API (`spec/console.md` §4).
use super::{Gate, Target};
use std::sync::Arc;
use tokio::task::JoinHandle;
pub(super) fn listen(
    _listener: std::net::TcpListener,
    _tls: Option<Arc<rustls::ServerConfig>>,
    _target: Target,
    _gate: Gate,
) -> std::io::Result<JoinHandle<()>> {
    Ok(tokio::spawn(async {}))
}
