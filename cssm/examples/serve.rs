//! A mock CSSM on loopback ports, embedded in a program of one's own. Prints where it can be reached as one JSON object,
//! keys as in the ready file of `slpsim cssm`, writes its CA to `ca.pem` in the working directory, and serves until
//! its standard input ends.

use std::sync::Arc;

use slpsim_cssm::server::{Server, ServerConfig, StartError, SystemClock};
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mock: Result<_, StartError> = Server::start(ServerConfig::default(), Arc::new(SystemClock)).await;
    let mock = mock?;
    std::fs::write("ca.pem", &mock.ca_pem)?;
    let ready = serde_json::json!({
        "urls": mock.urls,
        "ca_file": "ca.pem",
        "idtoken": mock.idtoken.expose(),
        "manage_token": mock.manage_token,
    });
    println!("{ready}");
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    mock.shutdown().await;
    Ok(())
}
