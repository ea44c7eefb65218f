//! Console lines on a driven device.

use std::time::Duration;

use slpsim_console::{Role, Session};

use super::*;
use crate::control::console::{Shown, Typed, Wire, Wish};

pub(super) async fn exec(orders: &mpsc::Sender<Order>, lines: &[&str]) -> (String, bool) {
    let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
    let (answer, answered) = oneshot::channel();
    let look = Box::new(move |device: &mut Device| {
        let _ = answer.send(run_lines(device, &lines)?);
        Ok(())
    });
    orders.send(Order::Look(look)).await.map_err(|_| "gone").unwrap();
    answered.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn show_commands_read_the_driven_agent_and_wrong_lines_are_errors() {
    let bench = Bench::new();
    let (orders, _task) = bench.boot(u32::MAX);
    trust(&orders).await;
    let (text, error) = exec(&orders, &["show license status", "show license udi"]).await;
    assert!(!error, "{text}");
    for part in ["Transport:", "Example Policy", "FDO00000001"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    bench.clock.reached(Mono(600_000)).await;
    let (text, _) = exec(&orders, &["show license history message", "show license eventlog"]).await;
    assert!(text.contains("Sent request on Jan 01 00:00:"), "{text}");
    assert!(text.contains("SAEVT_TRUST_INSTALL"), "{text}");
    let (text, error) = exec(&orders, &["show licence"]).await;
    assert!(error && text.contains("% Invalid command at '^' marker."), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_is_saved_survives_a_death_and_what_is_not_is_lost_as_on_a_switch() {
    let bench = Bench::new();
    let (orders, task) = bench.boot(u32::MAX);
    let configure = ["configure terminal", "hostname leaf-9", "license smart usage interval 7", "end"];
    let (text, error) =
        exec(&orders, &[&configure[..], &["copy running-config startup-config"]].concat()).await;
    assert!(!error && text.contains("Copy complete."), "{text}");
    exec(&orders, &["configure terminal", "hostname leaf-10"]).await;
    task.abort();
    let _ = task.await;
    let (orders, _task) = bench.boot(u32::MAX);
    let (text, _) = exec(&orders, &["show running-config"]).await;
    assert!(text.contains("hostname leaf-9\n") && text.contains("license smart usage interval 7"), "{text}");
    // Back to what the file says.
    exec(&orders, &["write erase", "reload"]).await;
    let (text, _) = exec(&orders, &["show running-config"]).await;
    assert!(!text.contains("leaf-") && text.contains("feature lldp"), "{text}");
    let (view, _) = exec(&orders, &["show license status"]).await;
    assert!(view.contains("30"), "the interval is the default again: {view}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_steps_the_agent_and_the_log() {
    let bench = Bench::new();
    let (orders, _task) = bench.boot(u32::MAX);
    let (text, error) = exec(&orders, &["clock set 03:00:00 1 January 2026", "show clock"]).await;
    assert!(!error && text.contains("03:00:00"), "{text}");
    trust(&orders).await;
    bench.clock.reached(Mono(1000)).await;
    let lines = bench.known(|known| known.trace.clone());
    let refused = lines.iter().find(|line| line.contains("TRUST_CODE_INSTALL_FAILED")).unwrap();
    assert!(refused.starts_with("10800000 ") && refused.ends_with("Timestamp mismatch."), "{refused}");
    // `spec/chapter.md` S-36c: the chapter's own line puts it right.
    let configure = ["configure terminal", "ntp server 198.51.100.100 version 2 prefer", "show clock"];
    let (text, error) = exec(&orders, &configure).await;
    assert!(!error && text.contains("00:00:01"), "{text}");
    trust(&orders).await;
    bench.clock.reached(Mono(2000)).await;
    let lines = bench.known(|known| known.trace.clone());
    assert!(lines.iter().any(|line| line.contains("TRUST_CODE_INSTALL_SUCCESS")), "{lines:?}");
}

/// `exec-timeout` of `line console`, configured in the session itself; log lines are no input.
#[tokio::test(start_paused = true)]
async fn a_console_without_input_is_closed_in_time_and_told_why() {
    let bench = Bench::new();
    let (orders, _task) = bench.boot(u32::MAX);
    let (keyboard, typed) = mpsc::channel(4);
    let (shown, mut screen) = mpsc::channel(64);
    let wish = Wish { device: None, length: 24, width: 80 };
    let at = orders.clone();
    let session =
        tokio::spawn(async move { crate::driver::console::serve(at, &wish, Wire { typed, shown }).await });
    assert!(matches!(screen.recv().await, Some(Shown::Reply(_))));
    tokio::time::advance(Duration::from_secs(86_400)).await;
    assert!(!session.is_finished(), "nothing limits it");
    for line in ["configure terminal", "line console", "exec-timeout 5", "end"] {
        keyboard.send(Typed::Line(line.into())).await.unwrap();
        while !matches!(screen.recv().await.unwrap(), Shown::Reply(_)) {}
    }
    let typed_last = tokio::time::Instant::now();
    tokio::time::advance(Duration::from_secs(180)).await;
    trust(&orders).await;
    session.await.unwrap();
    assert_eq!(typed_last.elapsed().as_secs(), 300);
    let mut last = Vec::new();
    while let Some(shown) = screen.recv().await {
        last.push(shown);
    }
    let Some(Shown::Refused { why }) = last.last() else { panic!("{last:?}") };
    assert_eq!(why, "the session is over: nothing was typed for 5 min (exec-timeout)");
    assert!(
        last.iter().any(|one| matches!(one, Shown::Log(line) if line.contains("TRUST_CODE"))),
        "{last:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn output_beyond_an_answer_is_refused_in_words() {
    let bench = Bench::new();
    let (orders, _task) = bench.boot(u32::MAX);
    let mut session = Session::new(Role::Admin);
    session.terminal.dont_ask = true;
    let lines = vec!["show license tech support".to_owned(); 10_000];
    let why = host::exec(&orders, session, &lines).await.unwrap_err();
    assert!(why.contains("the output is longer than 8388608 bytes"), "{why}");
}
