//! Keys, pages and log lines.

use crate::tty::{LINES, Tty, closed_at};

/// A switch that has nothing to say by itself.
fn throw_away() -> Tty {
    let mut tty = Tty::start(&["console", "--offline", "--set", "device.transport=off"]);
    tty.expect("switch# ");
    tty
}

#[test]
fn a_question_mark_helps_at_once_and_the_line_stands_again() {
    let mut tty = throw_away();
    tty.press("show license u?");
    tty.expect("  udi    Unique device identifiers\n");
    tty.expect("switch# show license u");
    tty.press("di\r");
    tty.expect("UDI: PID:N9K-C93180YC-FX3,SN:");
    tty.press("show clock ?");
    tty.expect("  |     Filter what is shown\n");
    tty.press("\x15exit\r");
    assert!(tty.end());
}

#[test]
fn a_signal_and_a_closed_terminal_end_a_console_that_waits_for_a_key() {
    let tty = throw_away();
    tty.terminate();
    assert!(tty.end());
    assert!(closed_at("switch# ", &["console", "--offline", "--set", "device.transport=off"]));
}

#[test]
fn tab_completes_and_lists_where_there_are_several() {
    let mut tty = throw_away();
    tty.press("sh\t");
    tty.screen("show", |lines| lines.iter().any(|line| line == "switch# show"));
    tty.press("lic\t");
    tty.screen("license", |lines| lines.iter().any(|line| line == "switch# show license"));
    tty.press("u\t");
    tty.expect("udi  usage\n");
    tty.screen("the line again", |lines| {
        lines.iter().filter(|line| *line == "switch# show license u").count() == 2
    });
    tty.press("s\t\r");
    tty.expect("(LAN_ENTERPRISE_SERVICES_PKG):");
    tty.press("\x04");
    assert!(tty.end());
}

#[test]
fn long_answers_stop_at_more_and_go_on_with_space_return_and_q() {
    let mut tty = throw_away();
    let whole = tty.answer("show license tech support | no-more", "switch# ");
    let whole: Vec<_> = whole.lines().map(str::trim_end).collect();
    assert!(whole.len() > 100 && !whole.contains(&"--More--"), "{whole:#?}");
    // A page is all there when `--More--` stands in its last line again, not before.
    let last = usize::from(LINES) - 1;
    let page_of = |tty: &Tty, from: usize| {
        tty.screen("a page", |lines| lines[last] == "--More--" && lines[..last] == whole[from..from + last]);
    };
    tty.press("show license tech support\r");
    page_of(&tty, 0);
    tty.press("\r");
    page_of(&tty, 1);
    tty.press(" ");
    page_of(&tty, 1 + last);
    tty.press("q");
    tty.screen("the prompt", |lines| lines.last().is_some_and(|line| line.starts_with("switch#")));
    tty.answer("terminal length 0", "switch# ");
    let whole = tty.answer("show license tech support", "switch# ");
    assert!(whole.lines().count() > 100 && !whole.contains("--More--"), "{whole}");
}

#[test]
fn log_lines_appear_above_the_prompt_and_the_clock_can_be_moved() {
    let mut tty = Tty::start(&["console", "--offline"]);
    tty.expect("%LICMGR-6-LOG_SMART_LIC_REPORTING_REQUIRED: ");
    tty.press("license smart factory reset\r");
    tty.expect("%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.");
    tty.screen("a prompt below it", |lines| {
        let log = lines.iter().rposition(|line| line.contains("POLICY_REMOVED"));
        let prompt = lines.iter().rposition(|line| line == "switch#");
        log.is_some() && log < prompt
    });
    let before = tty.answer("show clock", "switch# ");
    let moved = tty.answer("!advance 30d", "switch# ");
    assert!(moved.starts_with("! 20"), "{moved}");
    let after = tty.answer("show clock", "switch# ");
    assert_ne!(before.split_whitespace().nth(3), after.split_whitespace().nth(3), "{before} {after}");
    assert!(tty.answer("!advance soon", "switch# ").contains("! !advance takes a span of time"));
    tty.answer("configure terminal", "switch(config)# ");
    tty.answer("no logging console", "switch(config)# ");
    tty.press("\x1a");
    tty.expect("switch# ");
}

#[test]
fn control_z_ends_configuration_control_c_drops_a_line_and_control_r_finds_one() {
    let mut tty = throw_away();
    tty.answer("configure terminal", "switch(config)# ");
    tty.answer("interface mgmt0", "switch(config-if)# ");
    tty.press("hostname leaf-1\x1a");
    tty.expect("leaf-1# ");
    tty.press("show nonsense\x03");
    tty.expect("^C\n");
    tty.expect("leaf-1# ");
    tty.answer("show clock", "leaf-1# ");
    tty.press("\x12interface");
    tty.expect("interface mgmt0");
    tty.press("\x03");
    tty.expect("leaf-1# ");
    tty.press("\x1b[A");
    tty.screen("the last line", |lines| lines.iter().any(|line| line == "leaf-1# show clock"));
    tty.press("\x03");
    tty.expect("leaf-1# ");
    let wrong = tty.answer("show absurdities", "leaf-1# ");
    assert!(wrong.contains("             ^\n% Invalid command at '^' marker.\n"), "{wrong}");
}

#[test]
fn a_reload_asks_and_the_console_comes_up_again() {
    let mut tty = throw_away();
    tty.answer("configure terminal", "switch(config)# ");
    tty.answer("hostname leaf-1", "leaf-1(config)# ");
    tty.answer("end", "leaf-1# ");
    let asked = tty.answer("reload", "This command will reboot the system. (y/n)?  [n] ");
    assert!(asked.contains("WARNING: There is unsaved configuration!!!"), "{asked}");
    tty.answer("n", "leaf-1# ");
    tty.answer("reload", "[n] ");
    tty.answer("y", "switch# ");
    tty.press("exit\r");
    assert!(tty.end());
}
