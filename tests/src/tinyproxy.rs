//! tinyproxy, an HTTP proxy that others wrote (Debian's package).

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::peer;

/// A running proxy, which ends with the value.
#[derive(Debug)]
pub struct Tinyproxy {
    /// Where it listens.
    pub address: SocketAddr,
    _child: Child,
    _folder: TempDir,
}

impl Tinyproxy {
    /// Starts one, with a user where `user` names one; `None` where the program is missing.
    ///
    /// # Panics
    /// Where it does not start.
    #[expect(clippy::panic, clippy::expect_used, reason = "a test that needs it has failed")]
    pub async fn start(user: Option<(&str, &str)>) -> Option<Self> {
        let program = peer("tinyproxy")?;
        // It takes no port 0. The port that was free a moment ago may be taken in between: then another one.
        for _ in 0..20 {
            let address =
                TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a port");
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("tinyproxy.conf");
            let mut text = format!(
                "Port {}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Info\n",
                address.port()
            );
            if let Some((user, password)) = user {
                text.push_str(&format!("BasicAuth {user} {password}\n"));
            }
            std::fs::write(&file, text).expect("written");
            let mut child = Command::new(&program)
                .args(["-d", "-c"])
                .arg(&file)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect("it runs");
            let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
            while let Some(line) = lines.next_line().await.expect("what it says") {
                if line.contains("Accepting connections") {
                    // Somebody has to take what it goes on to say.
                    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                    return Some(Self { address, _child: child, _folder: folder });
                }
            }
        }
        panic!("tinyproxy does not start");
    }
}
