//! Wrong input: one clear line, code 2 (`interface.md` §1).

use std::net::TcpListener;

use crate::process::{Daemon, line_with, run, stderr};

#[tokio::test]
async fn wrong_input_is_answered_with_one_clear_line_and_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        path(name)
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let (state, long) = (path("state"), format!("/tmp/{}", "x".repeat(120)));
    let key = write("key.toml", "[device]\n\nhostnam = \"x\"\n");
    let url = write("url.toml", "[device]\nurl-smart = \"gopher://x\"\n");
    let ca = write("ca.toml", "[device]\nca-file = \"nowhere.pem\"\n");
    let token = write("token.toml", "[device]\nidtoken-file = \"nowhere\"\n");
    let delay = write("delay.toml", "[mock]\nack-mode = \"delay\"\nack-delay = \"4weeks\"\n");
    let store = write("store.toml", "[mock]\n\nstore = \"mysql://u:s3cret@h/d\"\n");
    let typo = write("typo.toml", "[mock]\nstore = \"postgres://h/d?pasword=s3cret\"\n");
    let above = "[mock]\nrole = \"cslu\"\nupstream = \"http://h/\"\nstore = \"postgres://h/d\"\n";
    let above = write("above.toml", above);
    let pem = write("bad.pem", "rubbish");
    let badca = write("badca.toml", &format!("[device]\nca-file = \"{pem}\"\n"));
    let file = write("file", "");
    let once = "cannot open /nonexistent/x: No such file or directory (os error 2)\n";
    let table: &[(&[&str], &[&str])] = &[
        (&["config", "check", &key], &["key.toml:3:", "hostnam", "did you mean `hostname`?"]),
        (
            &["config", "check", &store],
            &["store.toml:3:9: `store`: no store is called \"mysql\"; there are sqlite:FILE"],
        ),
        (&["config", "check", &typo], &["typo.toml:2:9: `store`: a PostgreSQL URL has no \"pasword\""]),
        (
            &["config", "check", &above],
            &["above.toml:4:9: a mock with an `upstream` has its records for itself"],
        ),
        (&["cssm", "-c", &store, "--state", &state], &["store.toml:3:9: `store`: no store is called"]),
        (
            &["cssm", "--state", &state, "--store", "mysql://u:s3cret@h/d"],
            &["--store: no store is called \"mysql\""],
        ),
        (
            &["run", "--state", &state, "--store", "postgres:u:s3cret@h/d"],
            &["--store: no store is called", "postgres://"],
        ),
        (
            &["cssm", "export", &file, "--store", "postgres://u:s3/cret@h/d"],
            &["--store: the URL is no postgres://"],
        ),
        (
            &[
                "cssm",
                "--state",
                &state,
                "--role",
                "cslu",
                "--upstream",
                "http://h/",
                "--store",
                "postgres://h/d",
            ],
            &["a mock with --upstream has its records for itself: give it --store sqlite:FILE"],
        ),
        (&["run", "-c", &key, "--state", &state], &["key.toml:3:", "did you mean `hostname`?"]),
        (&["run", "-c", &url, "--state", &state], &["url.toml:2:", "gopher"]),
        (&["run", "-c", &delay, "--state", &state], &["delay.toml:3:", "4weeks"]),
        (&["run", "-c", &ca, "--state", &state], &["device ", "ca-file ", "nowhere.pem: No such file"]),
        (&["run", "-c", &badca, "--state", &state], &["bad.pem"]),
        (&["run", "-c", &token, "--state", &state], &["device ", "idtoken-file ", "nowhere: No such file"]),
        (&["run", "-c", "/nowhere/f.toml"], &["/nowhere/f.toml"]),
        (&["run", "--set", "device.ca-file=/dev/zero", "--state", &state], &["/dev/zero", "larger than"]),
        (&["run", "--clock-from", "/dev/zero", "--state", &state], &["/dev/zero", "larger than"]),
        (&["run", "--set", "device.colour=red", "--state", &state], &["device.colour"]),
        (&["run", "--state", &file], &[&file]),
        (&["run", "--state", &state, "--speed", "max"], &["max"]),
        (&["run", "--state", &state, "--speed", "0"], &["speed"]),
        (&["run", "--state", &state, "--start", "yesterday"], &["yesterday"]),
        (&["run", "--state", &state, "--metrics", &taken], &[&taken]),
        (&["run", "--state", &state, "--listen", &taken], &[&taken]),
        (&["run", "--state", &state, "--control", &long], &["--control"]),
        (&["run", "--state", &state, "--sink", "carrier-pigeon://x"], &["carrier-pigeon"]),
        (&["run", "--state", &state, "--sink", "file:///nonexistent/x"], &[once]),
        (&["run", "--state", &state, "--sink", "udp://192.0.2.1:514"], &["192.0.2.1:514"]),
        (&["run", "--state", &state, "--clock-from", &pem], &[&pem]),
        (&["cssm", "--state", &state, "--listen-manage", &taken], &[&taken]),
        (&["cssm", "--state", &state, "--listen", "0.0.0.0:0"], &["0.0.0.0", "--allow-external"]),
        (&["cssm", "--state", &state, "--role", "cslu", "--down-rev"], &["--role on-prem only"]),
        (&["cssm", "--state", &state, "--upstream", "http://127.0.0.1:1"], &["--role cslu or on-prem"]),
        (&["cssm", "--state", &state, "--role", "cslu", "--upstream-ca", &pem], &["needs an --upstream"]),
        (
            &["cssm", "--state", &state, "--role", "cslu", "--upstream", "http://127.0.0.1:99999"],
            &["99999", "invalid port number"],
        ),
        (&["run", "--state", &state, "--sink", "file:///nowhere/log"], &["/nowhere/log: No such file"]),
        (&["exec", "--state", &state, "show clock"], &["no daemon answers at", "control.sock"]),
        (&["messages", "--check", "/nowhere/log"], &["/nowhere/log"]),
    ];
    for (args, parts) in table {
        let output = run(args).await;
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        let line = text.lines().find(|line| line.starts_with("slpsim: ") || line.starts_with("error: "));
        let line = line.unwrap_or_else(|| panic!("{args:?}: {text}"));
        for part in *parts {
            assert!(text.contains(part), "{args:?}: {part} in {text}");
        }
        assert!(line.len() < 400, "{args:?}: {line}");
        assert!(line.matches("(os error").count() <= 1, "a cause is said once: {line}");
        assert!(!text.contains("panicked") && !text.contains("s3cret"), "{args:?}: {text}");
    }
}

#[tokio::test]
async fn a_ready_file_that_a_dead_daemon_left_behind_is_gone_before_anything_listens() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let (state, ready) = (folder.path().join("state").display().to_string(), folder.path().join("r.json"));
    for command in ["run", "cssm"] {
        std::fs::write(&ready, "{\"pid\": 4711}").unwrap();
        let args = [command, "--state", &state, "--listen", &taken, "--ready-file", ready.to_str().unwrap()];
        assert_eq!(run(&args).await.status.code(), Some(2));
        assert!(!ready.exists(), "{command}");
    }
}

#[tokio::test]
async fn a_state_folder_that_is_in_use_is_refused_with_the_number_of_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let daemon = Daemon::start(folder.path(), "r", &["run", "--state", &state, "--sink", "null:"]).await;
    let second = run(&["run", "--state", &state, "--sink", "null:"]).await;
    assert_eq!(second.status.code(), Some(2));
    let (text, pid) = (stderr(&second), daemon.ready["pid"].to_string());
    assert!(text.contains(&state) && text.contains(&format!("process {pid}")), "{text}");
    daemon.end().await;
}

#[tokio::test]
async fn a_damaged_state_is_kept_aside_and_named_and_a_newer_one_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let args = ["run", "--state", state.to_str().unwrap(), "--sink", "null:"];
    Daemon::start(folder.path(), "r", &args).await.end().await;
    let slot = |number: u32| state.join(format!("devices/N9K-C93180YC-FX3_FDO00000001.{number}"));
    for number in [0, 1] {
        let mut bytes = std::fs::read(slot(number)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(slot(number), bytes).unwrap();
    }
    let daemon = Daemon::start(folder.path(), "r", &args).await;
    let aside = state.join("devices/N9K-C93180YC-FX3_FDO00000001.0.damaged-1");
    line_with(&folder.path().join("r.err"), &["its check sum is wrong", aside.to_str().unwrap()]).await;
    assert!(aside.exists());
    daemon.end().await;

    // Format version 9, with the check sum of the part of a file that never changes.
    let mut bytes = b"SLPSTATE\x09\x00\x00\x00".to_vec();
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend_from_slice(b"whatever a later program writes");
    std::fs::write(slot(1), &bytes).unwrap();
    let refused = run(&args).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("format version 9"), "{}", stderr(&refused));
    assert_eq!(std::fs::read(slot(1)).unwrap(), bytes);
}
