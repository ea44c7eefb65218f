//! What a person does with the daemons.

use std::process::Stdio;

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;
use slpsim_tests::changes::until;

use crate::process::{self, Daemon, acknowledged, client, line_with, run, slpsim, stderr, stdout};

#[tokio::test]
async fn a_switch_with_its_embedded_mock_lives_a_month_in_a_moment_and_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let log = folder.path().join("log");
    let sink = format!("file://{}", log.display());
    let args = ["run", "--state", state.to_str().unwrap(), "--sink", &sink, "--metrics", "0"];
    let daemon = Daemon::start(folder.path(), "run", &args).await;
    line_with(&log, &["POLICY_INSTALL_SUCCESS"]).await;
    let moved = run(&["advance", "--state", state.to_str().unwrap(), "31d"]).await;
    assert!(moved.status.success(), "{}", stderr(&moved));
    let reports = daemon.manage(Method::GET, "reports", None).await;
    assert_eq!(reports.as_array().unwrap().len(), 2, "{reports:#}");
    let metrics = client().get(daemon.text("/urls/metrics")).send().await.unwrap().text().await.unwrap();
    let counted = "slpsim_exchanges_total{device=\"switch\",purpose=\"usage\",result=\"answered\"} 2\n";
    assert!(metrics.contains(counted), "{metrics}");
    let before = daemon.show("show license rum id all").await;
    daemon.end().await;
    assert!(!state.join("control.sock").exists());

    let daemon = Daemon::start(folder.path(), "run", &args).await;
    let after = daemon.show("show license rum id all").await;
    assert!(before.lines().filter(|line| line.contains("ACK")).all(|line| after.contains(line)), "{after}");
    let moved = run(&["advance", "--state", state.to_str().unwrap(), "10m"]).await;
    assert!(moved.status.success(), "{}", stderr(&moved));
    let text = daemon.show("show license rum id all").await;
    assert!(
        !text.contains("CLOSED"),
        "the mock still knows the device, so its reports are acknowledged: {text}"
    );
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(text.matches("TRUST_CODE_INSTALL").count(), 1, "{text}");
    daemon.end().await;
}

/// Start the mock, start the switch against it, install trust, see report and ACK, break the way and mend it, let the
/// power go, and find everything unchanged.
#[tokio::test]
async fn the_walk_of_a_person_who_tries_it_out() {
    let folder = tempfile::tempdir().unwrap();
    let (cssm_state, log) = (folder.path().join("cssm"), folder.path().join("log"));
    let args = ["cssm", "--state", cssm_state.to_str().unwrap(), "--speed", "600"];
    let cssm = Daemon::start(folder.path(), "c", &args).await;
    let keys =
        format!("hostname = \"leaf-1\"\ntransport = \"smart\"\nurl-smart = \"{}\"", cssm.text("/urls/smart"));
    let (args, state) = (process::switch(folder.path(), &keys, &[&cssm]), folder.path().join("run"));
    let switch = Daemon::start(folder.path(), "r", &args).await;
    switch.show(&format!("license smart trust idtoken {} local", cssm.text("/idtoken"))).await;
    let udi = "P:N9K-C93180YC-FX3,S:FDO00000001.";
    line_with(&log, &["leaf-1 %LICMGR-6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS", udi]).await;
    line_with(&log, &["leaf-1 %LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS"]).await;
    acknowledged(&switch, &state).await;
    let reports = cssm.manage(Method::GET, "reports", None).await;
    assert_eq!(reports.as_array().unwrap().len(), 1, "{reports:#}");

    let fault = json!({ "kind": "http-status", "status": 503, "for": "30d" });
    let fault = cssm.manage(Method::POST, "faults", Some(fault)).await;
    switch.show("license smart sync").await;
    let failed = line_with(&log, &["COMM_FAILED"]).await;
    assert!(failed.ends_with("HTTP server error 503: Service Unavailable"), "{failed}");
    cssm.manage(Method::DELETE, &format!("faults/{}", fault["id"]), None).await;
    switch.show("license smart sync").await;
    line_with(&log, &["COMM_RESTORED"]).await;
    acknowledged(&switch, &state).await;

    let kept = |status: &str| -> Vec<String> {
        let keep =
            ["Policy in use:", "Policy name:", "Last ACK received:", "Next ACK deadline:", "INSTALLED on"];
        status.lines().filter(|line| keep.iter().any(|part| line.contains(part))).map(String::from).collect()
    };
    let (status, ids) = (switch.show("show license status").await, acknowledged(&switch, &state).await);
    switch.power_off().await;
    let switch = Daemon::start(folder.path(), "r", &args).await;
    let after = switch.show("show license status").await;
    assert_eq!(kept(&after), kept(&status));
    assert_eq!(kept(&after).len(), 5, "{after}");
    let now = switch.show("show license rum id all").await;
    assert!(ids.iter().all(|line| now.contains(line)), "{now} has not all of {ids:?}");
    switch.end().await;
    cssm.end().await;
}

#[tokio::test]
async fn a_hangup_applies_what_changed_and_names_what_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("f.toml"), folder.path().join("log"));
    let write = |hostname: &str, seed: u32| {
        let text = format!(
            "seed = {seed}\n[device]\nhostname = \"{hostname}\"\nusage-interval = 7\n[[sink]]\nurl = \"file://{}\"\n",
            log.display()
        );
        std::fs::write(&file, text).unwrap();
    };
    write("leaf-1", 1);
    let (file, state) = (file.display().to_string(), folder.path().join("state").display().to_string());
    let daemon = Daemon::start(folder.path(), "r", &["run", "-c", &file, "--state", &state]).await;
    std::fs::rename(&log, folder.path().join("log.1")).unwrap();
    write("leaf-2", 2);
    daemon.signal(Signal::SIGHUP);
    let named = line_with(&folder.path().join("r.err"), &["takes effect at the next start only"]).await;
    assert!(named.contains("seed"), "{named}");
    line_with(&folder.path().join("r.err"), &["as if typed: hostname leaf-2"]).await;
    assert!(daemon.show("show running-config").await.contains("hostname leaf-2"));
    until(folder.path(), async || log.exists().then_some(())).await;
    // Back to the file, as it is now.
    daemon.show("write erase").await;
    daemon.show("reload").await;
    assert!(daemon.show("show running-config").await.contains("hostname leaf-2"));
    // A file that is wrong changes nothing.
    std::fs::write(&file, "[device]\nhostnam = \"x\"\n").unwrap();
    daemon.signal(Signal::SIGHUP);
    line_with(&folder.path().join("r.err"), &["stays as it was", "did you mean `hostname`?"]).await;
    assert!(daemon.show("show running-config").await.contains("hostname leaf-2"));
    let refused = run(&["advance", "--state", &state, "4h"]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("has a clock of its own"), "{}", stderr(&refused));
    daemon.end().await;
}

#[tokio::test]
async fn an_error_of_the_device_has_code_1_and_lines_of_one_call_share_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let daemon = Daemon::start(folder.path(), "r", &["run", "--state", &state, "--sink", "null:"]).await;
    let wrong = daemon.exec("show licence").await;
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stdout(&wrong).contains("% Invalid command at '^' marker."));
    let text =
        daemon.show("configure terminal; license smart usage interval 9\nend; show running-config").await;
    assert!(text.contains("license smart usage interval 9"), "{text}");
    let unknown = run(&["exec", "--state", &state, "--device", "nope", "show clock"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("there is switch"), "{}", stderr(&unknown));
    let too_far = slpsim::control::Request::Advance { ms: u64::MAX };
    let socket = std::path::Path::new(daemon.text("/control"));
    let refused = slpsim::control::call(socket, &too_far).await.unwrap();
    assert!(
        matches!(&refused, slpsim::control::Answer::Refused { why } if why.contains("100 years")),
        "{refused:?}"
    );
    let json = run(&["--output", "json", "exec", "--state", &state, "show hostname"]).await;
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["error"], false);
    daemon.end().await;
}

#[tokio::test]
async fn simulated_time_never_goes_back_over_a_loss_of_power() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let args =
        ["run", "--state", &state, "--sink", "null:", "--start", "2026-01-01T00:00:00Z", "--speed", "1000"];
    let mut seen = String::from("2026-01-01T00:00:00");
    for _ in 0..3 {
        let daemon = Daemon::start(folder.path(), "r", &args).await;
        let start = daemon.text("/clock/start").to_owned();
        assert!(start.as_str() > seen.as_str(), "{start} after {seen}");
        let moved = run(&["advance", "--state", &state, "4h"]).await;
        seen = stdout(&moved).trim().to_owned();
        assert!(seen > start, "{seen} after {start}");
        daemon.power_off().await;
    }
}

#[tokio::test]
async fn the_saved_configuration_wins_over_a_changed_file_until_it_is_erased() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f.toml");
    let write = |hostname: &str| {
        let text = format!("[device]\nhostname = \"{hostname}\"\n[[sink]]\nurl = \"null:\"\n");
        std::fs::write(&file, text).unwrap();
    };
    let (path, state) = (file.display().to_string(), folder.path().join("state").display().to_string());
    let args = ["run", "-c", &path, "--state", &state];
    write("leaf-1");
    Daemon::start(folder.path(), "r", &args).await.end().await;
    write("leaf-2");
    let daemon = Daemon::start(folder.path(), "r", &args).await;
    assert!(daemon.show("show hostname").await.contains("leaf-1"));
    line_with(&folder.path().join("r.err"), &["the saved configuration wins"]).await;
    daemon.show("write erase").await;
    daemon.show("reload").await;
    assert!(daemon.show("show hostname").await.contains("leaf-2"));
    daemon.end().await;
}

#[tokio::test]
async fn a_receiver_of_the_log_that_hangs_holds_up_neither_a_hangup_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, state, socket, log) =
        (path("f.toml"), path("state"), path("socket"), folder.path().join("log"));
    // Nobody reads from it: the kernel takes some lines, and then none.
    let _receiver = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    let toml = format!(
        "[device]\nurl-cslu = \"http://192.168.0.9:8182/cslu/v1/pi\"\n[mock]\n[[sink]]\nurl = \"unix://{socket}\"\n\
         [[sink]]\nurl = \"file://{}\"\n",
        log.display()
    );
    std::fs::write(&file, toml).unwrap();
    let daemon = Daemon::start(folder.path(), "r", &["run", "-c", &file, "--state", &state]).await;
    // An outage of ten days: more lines than any socket buffers.
    let moved = run(&["advance", "--state", &state, "10d"]).await;
    assert!(moved.status.success(), "{}", stderr(&moved));
    let lines = std::fs::read_to_string(&log).unwrap().lines().count();
    assert!(lines > 500, "{lines}");
    std::fs::rename(&log, folder.path().join("log.1")).unwrap();
    daemon.signal(Signal::SIGHUP);
    until(folder.path(), async || log.exists().then_some(())).await;
    daemon.end().await;
    line_with(&folder.path().join("r.err"), &["does not take its lines"]).await;
}

#[tokio::test]
async fn a_demo_that_nobody_watches_to_its_end_is_no_failure() {
    let mut demo = slpsim().arg("demo").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(demo.stdout.take());
    assert!(demo.wait().await.unwrap().success());
}
