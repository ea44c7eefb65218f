//! More than a switch puts up with, at real sockets, while somebody else is answered.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::process::run;
use crate::{SWITCH, port, start};

#[tokio::test]
async fn more_connections_than_there_are_lines_are_closed_and_the_switch_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path(), SWITCH, &[]).await;
    let listener = port(&daemon, "/devices/0/ssh");
    let mut open = Vec::new();
    for _ in 0..256 {
        let mut stream = TcpStream::connect(("127.0.0.1", listener)).await.unwrap();
        let mut greeting = [0; 4];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"SSH-");
        open.push(stream);
    }
    let mut late = TcpStream::connect(("127.0.0.1", listener)).await.unwrap();
    let mut heard = Vec::new();
    // An end or a reset, but no greeting.
    let _ = late.read_to_end(&mut heard).await;
    assert_eq!(heard, b"");
    // One line is free again.
    drop(open.pop());
    let greeted = async {
        loop {
            let mut next = TcpStream::connect(("127.0.0.1", listener)).await.unwrap();
            let mut greeting = [0; 4];
            if next.read_exact(&mut greeting).await.is_ok() {
                return greeting;
            }
        }
    };
    assert_eq!(&timeout(Duration::from_secs(10), greeted).await.unwrap(), b"SSH-");
    let began = Instant::now();
    assert_eq!(daemon.show("show hostname").await, "leaf-1\n");
    assert!(began.elapsed() < Duration::from_secs(5));
    daemon.end().await;
}

#[tokio::test]
async fn bytes_that_are_no_ssh_end_the_connection_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path(), SWITCH, &[]).await;
    let listener = port(&daemon, "/devices/0/ssh");
    for bytes in [&b"SSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\xff\xff"[..], &[0; 100_000], b"SSH-1.5-old\r\n"] {
        let mut stream = TcpStream::connect(("127.0.0.1", listener)).await.unwrap();
        // The switch may have closed before all was sent.
        let _ = stream.write_all(bytes).await;
        let mut heard = Vec::new();
        let ended = timeout(Duration::from_secs(20), stream.read_to_end(&mut heard)).await;
        assert!(ended.is_ok(), "{:?}...", &bytes[..10]);
        assert_eq!(daemon.show("show hostname").await, "leaf-1\n");
    }
    daemon.end().await;
}

#[tokio::test]
async fn who_could_not_log_in_is_told_before_anything_listens() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let user = "[[user]]\nname = \"admin\"\n";
    for (config, args, part) in [
        ("[device]\n".to_owned(), &["--ssh", "0"][..], "name a user with [[user]]"),
        (format!("{user}password-hash = \"hunter2\"\n"), &[], "PHC form"),
        (format!("{user}keys = [\"ssh-ed25519 rubbish\"]\n"), &[], "no public key"),
        (format!("{user}password = \"x\"\n"), &["--ssh", "0.0.0.0:0"], "--allow-external"),
        (user.to_owned(), &[], "needs `password`, `password-hash` or `keys`"),
    ] {
        let file = folder.path().join("wrong.toml");
        std::fs::write(&file, config).unwrap();
        let output = run(&[&["run", "-c", file.to_str().unwrap(), "--state", &state], args].concat()).await;
        let text = crate::process::stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(part) && !text.contains("hunter2"), "{part}: {text}");
    }
}
