//! SSH against a driven device, over a stream in memory, with a paused clock.

mod client;
mod limits;

use std::time::Duration;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use tokio::time::Instant;

use self::client::{Lab, Typist};
use crate::driver::tests::trust;

#[tokio::test(start_paused = true)]
async fn commands_without_a_shell_give_their_output_and_their_status() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let (text, status) = admin.exec("show hostname ; show privilege").await;
    assert_eq!(
        (&*text, status),
        ("switch\nUser role: network-admin\nCurrent privilege level: 15\n", Some(0))
    );
    let (text, status) = admin.exec("show rubbish\nshow hostname").await;
    assert_eq!((&*text, status), ("     ^\n% Invalid command at '^' marker.\nswitch\n", Some(1)));
    let (text, status) = admin.exec("conf t ; hostname leaf-9 ; end ; show hostname").await;
    assert!(text.ends_with("\nleaf-9\n") && status == Some(0), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_look_but_not_change() {
    let lab = Lab::new();
    let viewer = lab.log_in("viewer", "look").await.unwrap();
    let (text, status) = viewer.exec("show hostname").await;
    assert_eq!((&*text, status), ("switch\n", Some(0)));
    for line in ["configure terminal", "license smart sync", "reload", "copy running-config startup-config"] {
        let (text, status) = viewer.exec(line).await;
        assert_eq!((&*text, status), ("% Permission denied for the role\n", Some(1)), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_opens_the_door_to_its_owner_alone() {
    let key = |seed| PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
    let lab = Lab::with_key(&key(1));
    assert!(lab.log_in_by_key("robot", key(1)).await.is_some());
    assert!(lab.log_in_by_key("robot", key(2)).await.is_none());
    assert!(lab.log_in_by_key("admin", key(1)).await.is_none());
    assert!(lab.log_in("robot", "").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shell_on_a_terminal_echoes_edits_completes_helps_and_pages() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let mut typist = Typist::start(&admin, 80, 24).await;
    let welcome = typist.until("switch# ").await;
    assert!(welcome.contains("simulated by slpsim\r\n"), "{welcome}");
    typist.types("shox\x7fw hostn\t\r").await;
    assert_eq!(typist.until("switch# ").await, "shox\u{8} \u{8}w hostname \r\nswitch\r\nswitch# ");
    typist.types("show lic?").await;
    let help = typist.until("switch# show lic").await;
    assert!(help.contains("  license  Licensing\r\n"), "{help}");
    typist.types("\x15\x1b[A\r").await;
    assert!(typist.until("\r\nswitch\r\nswitch# ").await.contains("show hostname"));
    typist.types("show rubbish\r").await;
    let wrong = typist.until("switch# ").await;
    assert_eq!(wrong, "show rubbish\r\n             ^\r\n% Invalid command at '^' marker.\r\nswitch# ");
    typist.types("conf t\rhostname leaf-1\r\x1a").await;
    assert!(typist.until("leaf-1# ").await.contains("leaf-1(config)# ^Z\r\n"));
    typist.types("show license all\r").await;
    let page = typist.until("--More--").await;
    assert_eq!(page.matches("\r\n").count(), 24, "the command and 23 lines: {page}");
    typist.types("q").await;
    typist.until("leaf-1# ").await;
    typist.types("terminal length 0\rshow license all | count\r").await;
    let all = typist.until("leaf-1# show license all | count\r\n").await + &typist.until("leaf-1# ").await;
    assert!(!all.contains("--More--"), "{all}");
    typist.types("half\x03exit\r").await;
    assert_eq!(typist.end().await.1, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_shell_without_a_terminal_prints_output_alone() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let typist = Typist::without_terminal(&admin).await;
    typist.types("show hostname\nshow rubbish\nshow license all | count").await;
    typist.no_more().await;
    let (text, status) = typist.end().await;
    assert!(text.starts_with("switch\n     ^\n% Invalid command at '^' marker.\n"), "{text}");
    assert!(!text.contains('#') && !text.contains('\r'), "{text}");
    assert_eq!(status, Some(1));
}

#[tokio::test(start_paused = true)]
async fn log_lines_reach_a_session_that_asks_for_them_and_no_other() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let (mut one, mut other) = (Typist::start(&admin, 80, 24).await, Typist::start(&admin, 80, 24).await);
    one.until("switch# ").await;
    other.until("switch# ").await;
    one.types("terminal monitor\rconf t\rlogging monitor 6\rend\rsho").await;
    one.until("end\r\nswitch# sho").await;
    trust(&lab.orders).await;
    let seen = one.until("TRUST_CODE_INSTALL_SUCCESS").await + &one.until("switch# sho").await;
    assert!(seen.contains("switch %LICMGR-"), "as the log file has them: {seen}");
    one.types("w hostname\r").await;
    // What was typed is still there, whatever else was logged meanwhile.
    assert!(one.until("\r\nswitch\r\n").await.ends_with("w hostname\r\nswitch\r\n"));
    other.types("show hostname\r").await;
    assert_eq!(other.until("\r\nswitch\r\nswitch# ").await, "show hostname\r\nswitch\r\nswitch# ");
}

#[tokio::test(start_paused = true)]
async fn a_changed_window_changes_the_page() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let mut typist = Typist::start(&admin, 80, 50).await;
    typist.until("switch# ").await;
    typist.resize(80, 10).await;
    typist.types("show license all\r").await;
    let page = typist.until("--More--").await;
    assert_eq!(page.matches("\r\n").count(), 10, "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_reload_ends_the_session_and_the_switch_is_there_again() {
    let lab = Lab::new();
    let admin = lab.log_in("admin", "secret").await.unwrap();
    let mut typist = Typist::start(&admin, 80, 24).await;
    typist.until("switch# ").await;
    typist.types("reload\r").await;
    typist.until("(y/n)?  [n] ").await;
    let began = Instant::now();
    typist.types("y\r").await;
    typist.end().await;
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(admin.exec("show hostname").await.0, "switch\n");
}
