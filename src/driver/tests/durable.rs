//! What is durable when, beside what the agent asks for.

use slpsim_agent::Input;

use super::console::exec;
use super::*;

const HOUR: u64 = 3_600_000;

impl Bench {
    fn saves(&self) -> usize {
        self.known(|known| known.trace.iter().filter(|line| *line == "save").count())
    }

    fn restored(&self) -> SavedDevice {
        restore(&mut self.flash.clone()).unwrap().device.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn the_use_of_a_licence_is_saved_each_hour_and_a_switch_without_one_is_left_alone() {
    let bench = Bench::new();
    let (orders, task) = bench.boot(u32::MAX);
    trust(&orders).await;
    bench.clock.reached(Mono(DAY)).await;
    let before = bench.saves();
    bench.clock.reached(Mono(2 * DAY + 1)).await;
    assert_eq!(bench.saves() - before, 24);
    let metrics = bench.registry.render();
    assert!(metrics.contains("slpsim_usage_saves_total{device=\"switch\"} 4"), "{metrics}");

    // After a loss of power, at most an hour of use is unknown.
    let death = Mono(2 * DAY + HOUR / 2);
    bench.clock.reached(death).await;
    task.abort();
    let _ = task.await;
    assert!(bench.clock.wall().since(bench.restored().agent.at) <= i64::try_from(HOUR).unwrap());

    let (orders, _task) = bench.boot(u32::MAX);
    orders
        .send(Order::Input(Box::new(Input::Usage(Usage { license: 0, count: 0 }))))
        .await
        .map_err(|_| "gone")
        .unwrap();
    bench.clock.reached(Mono(3 * DAY)).await;
    let before = bench.saves();
    bench.clock.reached(Mono(13 * DAY)).await;
    assert_eq!(bench.saves(), before, "nothing is in use");
}

/// What a device gets once in its life reaches it, wherever its first boot is cut short.
#[tokio::test(start_paused = true)]
async fn a_first_boot_that_is_cut_short_is_made_once_more() {
    for die_at in 1..=10 {
        let mut bench = Bench::new();
        bench.standby = Some(Udi::new("N9K-C93180YC-FX3", "FDO00000002").unwrap());
        bench.token = Some(Token::new("EXAMPLETOKEN0001").unwrap());
        let (_orders, task) = bench.boot(die_at);
        let ended = task.await.unwrap();
        assert!(matches!(ended, Err(DriverError::Stopped(_))), "boundary {die_at}: {ended:?}");
        let sent = bench.known(|known| known.trace.contains(&"send Trust".to_owned()));
        let unfinished =
            bench.flash.1.lock().unwrap().load().unwrap().blob.is_none() || bench.restored().first_boot;
        let (orders, _task) = bench.boot(u32::MAX);
        bench.clock.reached(Mono(bench.clock.mono().0 + 1000)).await;
        let (text, _) = exec(&orders, &["show license udi"]).await;
        assert!(text.contains("FDO00000002"), "boundary {die_at}: {text}");
        // A request that was under way is lost with its answer, as at every reload.
        let again = bench.known(|known| known.trace.iter().filter(|line| *line == "send Trust").count());
        assert!(again > usize::from(sent) || !unfinished, "boundary {die_at}");
    }
}

/// A feature that is on in the running configuration only goes at a reload, and its licence with it, wherever that is
/// cut short.
#[tokio::test(start_paused = true)]
async fn licences_follow_the_features_over_a_reload_that_is_cut_short() {
    for die_at in 1..=6 {
        let bench = Bench::new();
        let (orders, task) = bench.boot(u32::MAX);
        let used = |text: &str| {
            text.lines().any(|line| line.contains("LAN_ENTERPRISE_SERVICES_PKG") && line.contains("2"))
        };
        let show = ["show license summary"];
        exec(&orders, &["copy running-config startup-config"]).await;
        let on = ["configure terminal", "feature bgp", "end"];
        let (text, error) = exec(&orders, &on).await;
        assert!(!error, "{text}");
        let (text, _) = exec(&orders, &show).await;
        let before = bench.restored();
        assert!(before.features.contains(&"bgp".to_owned()), "{before:?}");
        assert!(used(&text), "{text}");
        bench.countdown.set(die_at);
        let reload =
            Order::Look(Box::new(|device: &mut Device| run_lines(device, &["reload".to_owned()]).map(drop)));
        orders.send(reload).await.map_err(|_| "gone").unwrap();
        let ended = task.await.unwrap();
        assert!(matches!(ended, Err(DriverError::Stopped(_))), "boundary {die_at}: {ended:?}");
        let (orders, _task) = bench.boot(u32::MAX);
        let (text, _) = exec(&orders, &show).await;
        assert!(!used(&text), "boundary {die_at}: {text}");
    }
}
