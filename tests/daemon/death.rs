//! Death at the boundaries between what is durable and what has left the machine, by SIGKILL.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use reqwest::Method;

use crate::process::{Daemon, acknowledged, line_with, slpsim};

/// How many boundaries of each kind are tried.
const BOUNDARIES: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_of_the_process_at_a_boundary_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("cssm").display().to_string();
    let cssm = Daemon::start(folder.path(), "c", &["cssm", "--state", &state, "--speed", "600"]).await;
    let mut serials = Vec::new();
    for point in ["persist", "send"] {
        for side in ["before", "after"] {
            for number in 1..=BOUNDARIES {
                let serial = format!("FDO{:08}", serials.len() + 1);
                die_and_recover(folder.path(), &cssm, &serial, &format!("{point}:{number}:{side}")).await;
                serials.push(serial);
            }
        }
    }
    let reports = cssm.manage(Method::GET, "reports", None).await;
    let ids: Vec<_> = reports
        .as_array()
        .unwrap()
        .iter()
        .map(|report| (report["udi"].to_string(), report["report_id"].to_string()))
        .collect();
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        ids.len(),
        "a number names one report: {reports:#}"
    );
    let requests = cssm.manage(Method::GET, "requests", None).await;
    let broken = requests.as_array().unwrap().iter().filter(|request| !request["rule"].is_null());
    assert_eq!(broken.count(), 0, "no request broke a rule: {requests:#}");
    cssm.end().await;
}

/// Lets a switch die, starts it again, and waits until its reports are acknowledged.
async fn die_and_recover(folder: &Path, cssm: &Daemon, serial: &str, failpoint: &str) {
    let at = |suffix: &str| folder.join(format!("{serial}{suffix}")).display().to_string();
    let (file, state, clock) = (at(".toml"), at(".state"), folder.join("c.ready").display().to_string());
    let toml = format!(
        "[device]\nserial = \"{serial}\"\ntransport = \"smart\"\nurl-smart = \"{}\"\nca-file = \"{}\"\nidtoken = \"{}\"\n\
         [[sink]]\nurl = \"file://{}\"\n",
        cssm.text("/urls/smart"),
        cssm.text("/ca_file"),
        cssm.text("/idtoken"),
        at(".log"),
    );
    std::fs::write(&file, toml).unwrap();
    let args = ["run", "-c", &file, "--state", &state, "--clock-from", &clock];
    let mut dying = slpsim()
        .args(args)
        .env("SLPSIM_FAILPOINT", failpoint)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = dying.wait().await.unwrap();
    assert_eq!(status.signal(), Some(9), "{failpoint}: {status}");

    let switch = Daemon::start(folder, serial, &args).await;
    // The switch first: a first boot that was cut short is made once more, and may be getting its trust just now.
    let status = switch.show("show license status").await;
    let trusted_here = status.contains("INSTALLED on");
    let known = cssm.manage(Method::GET, "devices", None).await;
    let trusted_there = known.as_array().unwrap().iter().any(|device| device["serial"] == serial);
    assert!(trusted_there || !trusted_here, "{failpoint}: trust out of nowhere\n{status}");
    if !trusted_here {
        // Its request or its answer died with the process: the operator types the token again.
        switch.show(&format!("license smart trust idtoken {} local", cssm.text("/idtoken"))).await;
        // Where trust is durable already, its line may have died with the process: it comes after the state.
        let log = folder.join(format!("{serial}.log"));
        line_with(&log, &["TRUST_CODE_INSTALL_SUCCESS"]).await;
    }
    acknowledged(&switch, Path::new(&state)).await;
    switch.end().await;
}
