//! OpenSSH: commands without a shell, and a shell, by key.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use slpsim_tests::peer;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::{stderr, stdout};
use crate::{SWITCH, port, start};

const PATIENCE: Duration = Duration::from_secs(60);

/// A key of ssh-keygen, and its public half.
async fn key(folder: &Path) -> String {
    let path = folder.join("id");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", path.to_str().unwrap()])
        .status()
        .await
        .unwrap();
    assert!(made.success());
    std::fs::read_to_string(path.with_extension("pub")).unwrap()
}

/// Runs ssh; what it learns of host keys stays in `folder`.
async fn ssh(folder: &Path, port: u16, args: &[&str], input: &str) -> Output {
    let known = folder.join("known_hosts");
    let mut child = Command::new("ssh")
        .args(["-F", "none", "-i", folder.join("id").to_str().unwrap(), "-p", &port.to_string()])
        .args(["-o", "StrictHostKeyChecking=accept-new", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"])
        .args(["-o", &format!("UserKnownHostsFile={}", known.display()), "-o", "IdentitiesOnly=yes"])
        .args(["robot@127.0.0.1"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    timeout(PATIENCE, child.wait_with_output()).await.expect("ssh ends").unwrap()
}

#[tokio::test]
async fn openssh_runs_commands_and_a_shell_and_knows_the_switch_again_after_a_restart() {
    if peer("ssh").is_none() || peer("ssh-keygen").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let public = key(folder.path()).await;
    let user =
        format!("[[user]]\nname = \"robot\"\nrole = \"network-admin\"\nkeys = [\"{}\"]\n", public.trim());
    let config = format!("{SWITCH}{user}");
    let daemon = start(folder.path(), &config, &[]).await;
    let listener = port(&daemon, "/devices/0/ssh");

    let shown = ssh(folder.path(), listener, &["show hostname ; show license udi"], "").await;
    assert_eq!(shown.status.code(), Some(0), "{}", stderr(&shown));
    assert_eq!(stdout(&shown), "leaf-1\nUDI: PID:N9K-C93180YC-FX3,SN:FDO00000001\n");
    let wrong = ssh(folder.path(), listener, &["show rubbish"], "").await;
    assert_eq!((wrong.status.code(), stdout(&wrong).lines().count()), (Some(1), 2));
    // What a script pipes in needs no terminal; with one, everything is echoed.
    let piped = ssh(folder.path(), listener, &["-T"], "show hostname\nexit\n").await;
    assert_eq!((stdout(&piped), piped.status.code()), ("leaf-1\n".into(), Some(0)));
    let typed = ssh(folder.path(), listener, &["-tt"], "terminal length 0\nshow hostname\nexit\n").await;
    assert!(stdout(&typed).contains("leaf-1# show hostname\r\nleaf-1\r\nleaf-1# exit\r\n"), "{typed:?}");
    assert_eq!(typed.status.code(), Some(0));
    daemon.end().await;

    let host_key = folder.path().join("state/keys/N9K-C93180YC-FX3_FDO00000001/ssh_host_ed25519_key");
    assert_eq!(std::fs::metadata(&host_key).unwrap().permissions().mode() & 0o777, 0o600);
    // At the same port, since that is part of what OpenSSH remembers.
    let daemon = start(folder.path(), &config, &["--ssh", &listener.to_string()]).await;
    let again = ssh(folder.path(), listener, &["show hostname"], "").await;
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    daemon.end().await;
}

#[tokio::test]
async fn each_switch_has_its_own_port_and_its_own_key() {
    if peer("ssh").is_none() || peer("ssh-keygen").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let public = key(folder.path()).await;
    let config = format!(
        "[[device]]\nhostname = \"one\"\n[[device]]\nhostname = \"two\"\n[mock]\n\
         [[user]]\nname = \"robot\"\nkeys = [\"{}\"]\n",
        public.trim()
    );
    let daemon = start(folder.path(), &config, &[]).await;
    for (number, name) in ["one", "two"].into_iter().enumerate() {
        let listener = port(&daemon, &format!("/devices/{number}/ssh"));
        let shown = ssh(folder.path(), listener, &["show hostname"], "").await;
        assert_eq!(stdout(&shown), format!("{name}\n"), "{}", stderr(&shown));
        let exec = crate::process::run(&[
            "exec",
            "--control",
            daemon.text("/control"),
            "--device",
            name,
            "show hostname",
        ])
        .await;
        assert_eq!(stdout(&exec), format!("{name}\n"));
    }
    let known = std::fs::read_to_string(folder.path().join("known_hosts")).unwrap();
    let keys: std::collections::BTreeSet<_> =
        known.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(keys.len(), 2, "{known}");
    daemon.end().await;
}
