//! `GET /health` and `GET /metrics` of a daemon (`--health ADDR`, `--metrics ADDR`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::{BlameUser, user_error};

/// Serves until dropped.
#[derive(Debug)]
pub struct HealthServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl HealthServer {
    /// Listens at `address`; `metrics` writes what a scraper reads. Both paths are served, whatever the listener was
    /// asked for.
    ///
    /// # Errors
    /// Where the address is taken, not ours, or outside the loopback without leave; one line for the user.
    pub async fn start<F>(address: SocketAddr, allow_external: bool, metrics: F) -> Result<Self>
    where
        F: Fn() -> String + Clone + Send + Sync + 'static,
    {
        if !address.ip().is_loopback() && !allow_external {
            return Err(user_error(format!(
                "health and metrics: {address} can be reached from other machines; --allow-external permits that"
            )));
        }
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen at {address}")).blame_user()?;
        let address = listener.local_addr()?;
        let scrape = move || {
            let text = metrics();
            async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text) }
        };
        let router = Router::new().route("/health", get(|| async { "ok\n" })).route("/metrics", get(scrape));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!("health listener: {error}");
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HealthServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads `PORT`, `:PORT` or `ADDRESS:PORT`; on loopback where no address is given.
///
/// # Errors
/// One line that says what is expected.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let named = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    if let Some(port) = named {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| format!("{text:?} is no address like 127.0.0.1:9100 or 9100"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Registry;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_and_metrics_are_served_on_a_free_port() {
        let registry = Registry::default();
        registry.counter("slpsim_lines_total", "Lines.", &[]).add(7);
        let server =
            HealthServer::start(parse_address("0").unwrap(), false, move || registry.render()).await.unwrap();
        assert!(fetch(server.address(), "/health").await.contains("\r\n\r\nok\n"));
        let metrics = fetch(server.address(), "/metrics").await;
        assert!(metrics.contains("text/plain; version=0.0.4") && metrics.contains("slpsim_lines_total 7\n"));
        let taken = HealthServer::start(server.address(), false, String::new).await.unwrap_err();
        assert!(format!("{taken:#}").contains(&server.address().to_string()));
    }

    #[tokio::test]
    async fn other_machines_are_served_only_where_that_is_allowed() {
        let everywhere = parse_address("0.0.0.0:0").unwrap();
        let refused = HealthServer::start(everywhere, false, String::new).await.unwrap_err();
        assert!(format!("{refused:#}").contains("--allow-external permits that"), "{refused:#}");
        HealthServer::start(everywhere, true, String::new).await.unwrap();
    }

    #[test]
    fn an_address_without_a_host_is_on_loopback() {
        for (text, address) in [
            ("9100", "127.0.0.1:9100"),
            (":0", "127.0.0.1:0"),
            ("localhost:1", "127.0.0.1:1"),
            ("0.0.0.0:9100", "0.0.0.0:9100"),
            ("[::1]:2", "[::1]:2"),
        ] {
            assert_eq!(parse_address(text).unwrap(), address.parse().unwrap());
        }
        for bad in ["", "x", "99999", "1.2.3.4"] {
            assert!(parse_address(bad).is_err(), "{bad}");
        }
    }
}
