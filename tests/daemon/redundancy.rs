//! Two supervisors of a running switch: what the console says, what happens to the hardware.

use reqwest::Method;

use crate::process::{Daemon, line_with, run, stderr, stdout};

#[tokio::test]
async fn a_standby_is_taken_out_and_put_in_and_takes_over_while_the_daemon_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (state, log) = (folder.path().join("state"), folder.path().join("log"));
    let (state, sink) = (state.to_str().unwrap(), format!("file://{}", log.display()));
    let daemon = Daemon::start(folder.path(), "run", &["run", "--state", state, "--sink", &sink]).await;
    line_with(&log, &["TRUST_CODE_INSTALL_SUCCESS", "S:FDO00000001"]).await;
    let event = async |event| run(&["event", "--state", state, event]).await;

    let alone = daemon.show("show system redundancy status").await;
    assert!(alone.contains("         operational:   None\n"), "{alone}");
    assert!(alone.contains("Other supervisor (sup-2)\n------------------------\n"), "{alone}");
    assert!(alone.ends_with("    Redundancy state:   Not present\n"), "{alone}");
    let refused = daemon.exec("system switchover").await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(stdout(&refused).contains("there is no standby supervisor"), "{}", stdout(&refused));
    for without in ["switchover", "standby-removed"] {
        let refused = event(without).await;
        assert_eq!(refused.status.code(), Some(2), "{without}");
        assert!(stderr(&refused).contains("there is no standby supervisor"), "{}", stderr(&refused));
    }

    let added = event("standby-added").await;
    let (first, second) = ("PID:N9K-C93180YC-FX3,SN:FDO00000001\n", "PID:N9K-C93180YC-FX3,SN:SBY00000001\n");
    assert_eq!(stdout(&added), [first, second].concat(), "{}", stderr(&added));
    // A direct topology: the server gives the new unit its trust code (`spec/behaviour.md` §10).
    line_with(&log, &["TRUST_CODE_INSTALL_SUCCESS", "S:SBY00000001"]).await;
    assert_eq!(event("standby-added").await.status.code(), Some(2), "there is room for one");
    let paired = daemon.show("show system redundancy status | json").await;
    let paired: serde_json::Value = serde_json::from_str(&paired).unwrap();
    assert_eq!(paired["rdn_mode_oper"], "HA");
    assert_eq!(paired["this_sup_internal_state"], "Active with HA standby");
    assert_eq!(paired["other_sup_sup_state"], "HA standby");
    assert_eq!(paired["this_sup"], "sup-1");

    daemon.show("system switchover").await;
    let after = daemon.show("show license udi ; show system redundancy status").await;
    assert!(after.contains("Active:PID:N9K-C93180YC-FX3,SN:SBY00000001"), "{after}");
    assert!(after.contains("This supervisor (sup-2)"), "a supervisor stays in its slot: {after}");
    // A console session ends with the supervisor that it was on.
    let session = daemon.show("system switchover ; show clock").await;
    assert_eq!(session, "");

    // The state is kept, and what was taken out stays out, whatever the file says.
    assert_eq!(stdout(&event("standby-removed").await), first);
    daemon.power_off().await;
    let daemon = Daemon::start(folder.path(), "run", &["run", "--state", state, "--sink", &sink]).await;
    assert!(daemon.show("show license udi").await.contains("SN:FDO00000001"));
    assert!(daemon.show("show system redundancy status").await.contains("Not present"));
    // Put in again it has no trust code any more, and gets one, though the server has given it one before.
    event("standby-added").await;
    let regained = |text: &str| text.matches("S:SBY00000001").count() > 1;
    slpsim_tests::changes::until(folder.path(), async || {
        std::fs::read_to_string(&log).ok().filter(|text| regained(text))
    })
    .await;
    let devices = daemon.manage(Method::GET, "devices", None).await;
    assert_eq!(devices.as_array().unwrap().len(), 2, "{devices:#}");
    daemon.end().await;
}
