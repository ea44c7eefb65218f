//! Lines, modes, errors, help.

use proptest::prelude::*;
use slpsim_agent::{Command, ProfileId, Scope, Token};
use slpsim_console::session::LineKind;
use slpsim_console::{Effect, Mode, Role, SaveUsage, Session, commands};

use crate::bench::{Bench, START};

fn nexus() -> Bench {
    Bench::nexus(|_| {})
}

/// `spec/console.md` §1: the caret stands under the wrong word.
#[test]
fn every_error_has_its_caret_and_its_text() {
    for (line, expected) in [
        ("shaw clock", "^\n% Invalid command at '^' marker.\n"),
        ("show clock now", "           ^\n% Invalid command at '^' marker.\n"),
        ("show license", "            ^\n% Incomplete command at '^' marker.\n"),
        ("  show license   ", "              ^\n% Incomplete command at '^' marker.\n"),
        ("show h", "     ^\n% Ambiguous command at '^' marker.\n"),
        (
            "license smart trust idtoken",
            "                           ^\n% Incomplete command at '^' marker.\n",
        ),
        ("show license | nothing", "               ^\n% Invalid command at '^' marker.\n"),
        ("show clock | include", "                    ^\n% Incomplete command at '^' marker.\n"),
        ("show clock | json x", "                  ^\n% Invalid command at '^' marker.\n"),
        ("terminal length 600", "                ^\n% Invalid number, range is (0:511) at '^' marker.\n"),
        ("no", "  ^\n% Incomplete command at '^' marker.\n"),
        ("no show clock", "   ^\n% Invalid command at '^' marker.\n"),
    ] {
        let reply = nexus().type_line(line);
        assert!(reply.error, "{line}");
        assert_eq!(reply.text, expected, "{line}");
        assert!(reply.effects.is_empty(), "{line}");
    }
}

#[test]
fn the_caret_stands_further_right_where_lines_are_typed_behind_a_prompt() {
    let mut bench = nexus();
    bench.session.echo = true;
    let caret = |text: &str| text.lines().next().unwrap().len() - 1;
    assert_eq!(caret(&bench.type_line("show foo").text), "switch# show ".len());
    bench.session.mode = Mode::Config;
    assert_eq!(caret(&bench.type_line("show foo").text), "switch(config)# show ".len());
}

#[test]
fn modes_are_entered_and_left_as_on_the_switch() {
    let mut bench = nexus();
    let entered = bench.type_line("conf t");
    assert_eq!(entered.text, "Enter configuration commands, one per line. End with CNTL/Z.\n");
    assert_eq!(entered.prompt, "switch(config)# ");
    assert_eq!(bench.type_line("interface mgmt0").prompt, "switch(config-if)# ");
    assert_eq!(bench.type_line("shutdown").prompt, "switch(config-if)# ");
    assert!(bench.config.ip.interface("mgmt0").unwrap().shut);
    assert_eq!(bench.type_line("exit").prompt, "switch(config)# ");
    assert_eq!(bench.type_line("line vty").prompt, "switch(config-line)# ");
    assert_eq!(bench.type_line("end").prompt, "switch# ");
    bench.type_line("configure terminal");
    bench.type_line("callhome");
    // A command of the global configuration leads out of the sub-mode.
    assert_eq!(bench.type_line("hostname leaf-1").prompt, "leaf-1(config)# ");
    assert!(bench.type_line("no interface").error);
    assert_eq!(bench.type_line("\u{1a}").prompt, "leaf-1# ");
    bench.type_line("configure terminal");
    assert_eq!(bench.type_line("hostname leaf-2\u{1a}").prompt, "leaf-2# ");
    let closed = bench.type_line("exit");
    assert!(closed.closed && !closed.error);
}

#[test]
fn exec_commands_can_be_typed_in_configuration_mode() {
    let mut bench = nexus();
    bench.session.mode = Mode::Config;
    assert_eq!(bench.text("show hostname"), "switch\n");
    let reply = bench.type_line("license smart sync");
    assert_eq!(reply.effects, [Effect::Agent(Command::Sync)]);
    assert_eq!(bench.session.mode, Mode::Config);
}

#[test]
fn empty_lines_and_comments_do_nothing() {
    for line in ["", "   ", "! comment", "# comment", "\r", "\t"] {
        let reply = nexus().type_line(line);
        assert!(!reply.error && reply.text.is_empty() && reply.effects.is_empty(), "{line:?}");
    }
}

#[test]
fn licensing_commands_are_handed_to_the_agent() {
    let trust = |scope, force| {
        Effect::Agent(Command::Trust { token: Token::new("EXAMPLETOKEN0001").unwrap(), scope, force })
    };
    let path = "bootflash:usage.xml".to_owned();
    let save = |which| Effect::SaveUsage { which, path: path.clone() };
    for (line, effect) in [
        ("license smart trust idtoken EXAMPLETOKEN0001", trust(Scope::Local, false)),
        ("license smart trust idtoken EXAMPLETOKEN0001 local", trust(Scope::Local, false)),
        ("license smart trust idtoken EXAMPLETOKEN0001 all force", trust(Scope::All, true)),
        ("lic sm tru idt EXAMPLETOKEN0001 f", trust(Scope::Local, true)),
        ("license smart sync", Effect::Agent(Command::Sync)),
        ("license smart sync all", Effect::Agent(Command::Sync)),
        ("license smart factory reset", Effect::Agent(Command::FactoryReset)),
        ("license smart clear eventlog", Effect::ClearEventLog),
        ("license smart save usage all file bootflash:usage.xml", save(SaveUsage::All)),
        ("license smart save usage days 7 file bootflash:usage.xml", save(SaveUsage::Days(7))),
        ("license smart save usage day 7 file bootflash:usage.xml", save(SaveUsage::Days(7))),
        (
            "license smart save usage rum-Id 1772445600 file bootflash:usage.xml",
            save(SaveUsage::Report(1_772_445_600)),
        ),
        ("license smart save usage unreported file bootflash:usage.xml", save(SaveUsage::Unreported)),
        (
            "license smart save trust-request bootflash:usage.xml",
            Effect::SaveTrustRequest { path: path.clone() },
        ),
        ("license smart import bootflash:usage.xml", Effect::Import { path: path.clone() }),
        ("reload force", Effect::Reload),
        ("clock set 10:00:00 2 March 2026", Effect::SetClock(slpsim_policy::Wall::from_secs(START))),
    ] {
        let reply = nexus().type_line(line);
        assert_eq!(reply.effects, [effect], "{line}");
        assert!(!reply.error, "{line}: {}", reply.text);
    }
}

#[test]
fn authorization_commands_exist_on_mds_alone() {
    let request = "license smart authorization request";
    assert!(nexus().type_line(request).text.ends_with("% Invalid command at '^' marker.\n"));
    let mut mds = Bench::new(ProfileId::Mds9000, &[], |_| {});
    let asked = Effect::Agent(Command::AuthorizationRequest { license: 2, count: 3 });
    assert_eq!(mds.type_line("license smart authorization request PORT_ACTIV_9148T_PKG 3").effects, [asked]);
    // There is no code to give back, and the agent says so.
    let refused = mds.type_line("license smart authorization return");
    assert_eq!((refused.error, refused.text.as_str()), (true, "The requested item was not found\n"));
}

#[test]
fn an_operator_may_look_but_not_change() {
    let mut bench = nexus();
    bench.session = Session::of("guest", Role::Operator);
    assert_eq!(bench.text("show hostname"), "switch\n");
    let refused = bench.type_line("license smart sync");
    assert_eq!((refused.error, refused.text.as_str()), (true, "% Permission denied for the role\n"));
    assert!(refused.effects.is_empty());
}

#[test]
fn a_question_mark_behind_a_pipe_lists_filters() {
    let mut bench = Bench::nexus(|_| {});
    assert_eq!(bench.text("show license status | i?"), "  include  Lines that match\n");
    assert_eq!(bench.text("show license status | ?").lines().count(), 8);
    assert_eq!(bench.text("show license status | last ?"), "  <1-9999>  How many\n  <CR>\n");
    assert_eq!(bench.text("show license status | include ?"), "  LINE  Regular expression\n");
    assert_eq!(bench.text("show license status | include x | json ?"), "  <CR>\n");
    for (line, caret) in
        [("show license status | x?", 22), ("show license status | x ?", 22), ("show licence | ?", 5)]
    {
        let wrong = bench.type_line(line);
        assert!(
            wrong.error && wrong.text.starts_with(&format!("{}^\n", " ".repeat(caret))),
            "{}",
            wrong.text
        );
    }
}

#[test]
fn a_question_mark_lists_what_may_follow() {
    let mut bench = nexus();
    assert_eq!(
        bench.text("license smart sync ?"),
        "  <CR>\n  all    All of them\n  local  The active unit\n"
    );
    assert_eq!(
        bench.text("show license u?"),
        "  udi    Unique device identifiers\n  usage  Licenses in use\n"
    );
    assert_eq!(
        bench.text("license smart trust idtoken ?"),
        "  WORD  Id token from a Smart or Virtual Account\n"
    );
    bench.session.mode = Mode::Config;
    assert_eq!(bench.text("license smart usage interval ?"), "  <1-3650>  Days between reports\n");
    let wrong = bench.type_line("show nothing ?");
    assert_eq!(wrong.text, "     ^\n% Invalid command at '^' marker.\n");
    assert_eq!(bench.session.complete(bench.agent.profile(), "show lic"), ["license"]);
    assert_eq!(bench.session.complete(bench.agent.profile(), "license smart sync "), ["all", "local"]);
}

#[test]
fn show_commands_list_the_pipe_and_others_do_not() {
    let mut bench = nexus();
    assert!(bench.text("show clock ?").ends_with("  |     Filter what is shown\n"));
    assert!(!bench.text("license smart sync ?").contains('|'));
    assert!(!bench.text("show clock?").contains('|'));
}

#[test]
fn tab_adds_what_is_certain_and_lists_what_is_not() {
    let bench = nexus();
    for (typed, insert, words) in [
        ("sh", "ow ", &["show"][..]),
        ("show lic", "ense ", &["license"]),
        ("show license u", "", &["udi", "usage"]),
        ("show h", "ost", &["hostname", "hosts"]),
        ("license smart sync ", "", &["all", "local"]),
        ("show clock | inc", "lude ", &["include"]),
        ("show clock |j", "son", &["json", "json-pretty"]),
        ("show clock | include ", "", &[]),
        ("nothing like it", "", &[]),
        ("", "", &bench.session.complete(bench.agent.profile(), "")),
    ] {
        let found = bench.session.completion(bench.agent.profile(), typed);
        assert_eq!((found.insert.as_str(), found.words.as_slice()), (insert, words), "{typed:?}");
    }
}

#[test]
fn what_cannot_be_undone_asks_first_unless_nobody_can_answer() {
    for (line, question, effect) in [
        ("reload", "This command will reboot the system. (y/n)?  [n] ", Effect::Reload),
        ("write erase", "Do you wish to proceed anyway? (y/n)  [n] ", Effect::EraseStartup),
    ] {
        for (answer, yes) in [("y", true), ("yes", true), ("n", false), ("", false), ("show clock", false)] {
            let mut bench = nexus();
            let asked = bench.type_line(line);
            assert!(asked.effects.is_empty() && !asked.error && !asked.closed, "{line}");
            assert_eq!(asked.prompt, question);
            let answered = bench.type_line(answer);
            assert_eq!(answered.effects, if yes { vec![effect.clone()] } else { vec![] }, "{line}: {answer}");
            assert_eq!((answered.text.as_str(), answered.prompt.as_str()), ("", "switch# "));
            let reloads = yes && line == "reload";
            assert_eq!((answered.closed, answered.reloads), (reloads, reloads), "{line}: {answer}");
        }
        let mut bench = nexus();
        bench.text("terminal dont-ask");
        assert_eq!(bench.type_line(line).effects, vec![effect]);
        bench.text("terminal no dont-ask");
        assert_eq!(bench.type_line(line).effects, []);
    }
    let mut bench = nexus();
    assert_eq!(bench.type_line("reload").text, "WARNING: There is unsaved configuration!!!\n");
    bench.startup = Some(bench.config.to_text());
    bench.type_line("n");
    assert_eq!(bench.type_line("reload").text, "");
}

/// `spec/logs.md` §3: the console hears by `logging console`, another session by `terminal monitor`.
#[test]
fn a_session_hears_what_its_line_and_its_terminal_say() {
    let mut bench = nexus();
    let hears =
        |bench: &Bench| [3, 6, 7].map(|severity| bench.session.hears(severity, &bench.config.logging));
    assert_eq!(hears(&bench), [false; 3]);
    bench.text("terminal monitor");
    assert_eq!(hears(&bench), [true, true, false]);
    assert!(!bench.configure("logging monitor 3").error);
    assert_eq!(hears(&bench), [true, false, false]);
    bench.text("terminal no monitor");
    assert_eq!(hears(&bench), [false; 3]);
    bench.session.line = LineKind::Console;
    assert_eq!(hears(&bench), [true, true, false]);
    assert!(!bench.configure("no logging console").error);
    assert_eq!(hears(&bench), [false; 3]);
}

#[test]
fn a_reply_is_paged_by_the_terminal_and_not_behind_no_more() {
    let mut bench = nexus();
    bench.text("terminal length 5");
    let reply = bench.type_line("show license status");
    let first = bench.session.pager(reply.text.clone(), reply.unpaged).first();
    assert!(first.more && first.text.lines().count() == 5, "{}", first.text);
    let reply = bench.type_line("show license status | no-more");
    let first = bench.session.pager(reply.text.clone(), reply.unpaged).first();
    assert!(!first.more && first.text == reply.text);
}

#[test]
fn pings_look_as_in_the_chapter() {
    let mut bench = nexus();
    assert_eq!(
        bench.text("ping cslu.example.com"),
        "Type escape sequence to abort.\n\
         Sending 5, 100-byte ICMP Echos to 192.168.0.1, timeout is 2 seconds:\n\
         !!!!!\n\
         Success rate is 100 percent (5/5), round-trip min/avg/max = 1/1/1 ms\n"
    );
    assert!(bench.text("ping 192.168.0.9 count 3").contains("\n...\nSuccess rate is 0 percent (0/3)\n"));
    assert_eq!(
        bench.text("nslookup cslu.example.com"),
        "Server: 198.51.100.53\nName: cslu.example.com\nAddress: 192.168.0.1\n"
    );
    bench.configure("no ip name-server");
    let refused = bench.type_line("ping cslu.example.com");
    assert!(
        refused.error && refused.text.starts_with("% Invalid host/interface cslu.example.com"),
        "{}",
        refused.text
    );
}

#[test]
fn an_impossible_date_is_refused() {
    for line in ["clock set 10:00:00 31 feb 2026", "clock set 10:00:00 31 April 2026"] {
        let reply = nexus().type_line(line);
        assert_eq!((reply.error, reply.text.as_str()), (true, "% Invalid date\n"), "{line}");
    }
}

#[test]
fn a_terminal_can_be_set_to_any_length_and_width() {
    let mut bench = nexus();
    for line in [
        "terminal length 0",
        "term len 0",
        "terminal width 511",
        "term width 511",
        "terminal session-timeout 0",
    ] {
        assert_eq!(bench.text(line), "", "{line}");
    }
    assert_eq!((bench.session.terminal.length, bench.session.terminal.width), (0, 511));
}

/// `spec/console.md` §3: what unicon sends after login; every refusal ends its session.
#[test]
fn what_automation_clients_send_after_login_is_accepted() {
    let mut bench = nexus();
    for line in [
        "term length 0",
        "term width 511",
        "terminal session-timeout 0",
        "config term",
        "no logging console",
        "line console",
        "exec-timeout 0",
        "line vty",
        "exec-timeout 0",
        "terminal width 511",
        "end",
        "show version",
        "show hosts",
        "show hostname",
        "show interface status",
        "show inventory | json",
        "show version | json",
    ] {
        bench.text(line);
    }
    assert_eq!(bench.session.mode, Mode::Exec);
}

#[test]
fn several_commands_can_stand_in_one_text() {
    let mut bench = nexus();
    let texts: Vec<_> = commands("show hostname ;show clock").map(|line| bench.text(line)).collect();
    assert_eq!(texts.len(), 2);
}

#[test]
fn a_line_that_is_too_long_is_refused() {
    let line = "x".repeat(5000);
    assert_eq!(nexus().type_line(&line).text, "% Command line is too long\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_a_session_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..6)) {
        let mut bench = nexus();
        for bytes in lines {
            let reply = bench.type_line(&String::from_utf8_lossy(&bytes));
            prop_assert!(reply.text.is_empty() || reply.text.ends_with('\n'));
        }
    }
}
