//! What comes first (`spec/behaviour.md` §7.5).

use slpsim_agent::Input;

use super::*;

/// With 30 days to the next report, each ACK comes exactly at the deadline that the one before it set.
#[tokio::test(start_paused = true)]
async fn an_ack_at_the_deadline_counts_before_its_reminder_when_the_clock_is_moved() {
    let bench = Bench::new();
    bench.known(|known| known.ongoing = Some(30));
    let (orders, _task) = bench.boot(u32::MAX);
    trust(&orders).await;
    advance(&bench.clock, &[orders], 100 * DAY).await.unwrap();
    let trace = bench.known(|known| known.trace.clone());
    assert_eq!(trace.iter().filter(|line| *line == "send Poll").count(), 4, "{trace:#?}");
    let reminders: Vec<_> = trace.iter().filter(|line| line.contains("REPORTING_REQUIRED")).collect();
    assert!(
        reminders.is_empty() || reminders[0].starts_with("5000 ") && reminders.len() == 1,
        "{reminders:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_an_earlier_moment_comes_before_what_happens_now() {
    let bench = Bench::new();
    let (orders, _task) = bench.boot(u32::MAX);
    bench.clock.reached(Mono(1000)).await;
    // The device wakes up late, as it may on a busy machine, and finds both.
    bench.clock.jump_to(Mono(5300));
    let usage = Input::Usage(Usage { license: 0, count: 2 });
    orders.try_send(Order::Input(Box::new(usage))).map_err(|_| "gone").unwrap();
    bench.clock.reached(Mono(6000)).await;
    let trace = bench.known(|known| known.trace.clone());
    let reminder = trace.iter().find(|line| line.contains("REPORTING_REQUIRED")).unwrap();
    assert!(reminder.starts_with("5000 "), "{reminder}");
}

#[tokio::test(start_paused = true)]
async fn while_the_clock_is_moved_a_device_waits_for_its_turn() {
    let bench = Bench::new();
    let (orders, _task) = bench.boot(u32::MAX);
    bench.clock.reached(Mono(1000)).await;
    bench.clock.stop();
    bench.clock.jump_to(Mono(5000));
    let reminded = || bench.known(|known| known.trace.iter().any(|line| line.contains("REPORTING_REQUIRED")));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!reminded());
    let (answer, settled) = oneshot::channel();
    orders.send(Order::Settle(answer)).await.map_err(|_| "gone").unwrap();
    settled.await.unwrap();
    assert!(reminded());
}
