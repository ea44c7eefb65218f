//! Exec commands that act.

use super::{Place, Row};
use crate::run::{exec, files, network, redundancy};

pub(super) static ROWS: &[Row] = &[
    Row::exec(
        "license smart trust idtoken <id_token:token> [local|all] [force]",
        "Install a trust code with an id token from a Smart or Virtual Account",
        exec::trust,
    ),
    Row::exec("license smart sync [all|local]", "Send usage and synchronize trust and policy", exec::sync),
    Row::exec("license smart factory reset", "Remove all licensing data", exec::factory_reset),
    Row::exec("license smart clear eventlog", "Clear the licensing event log", exec::clear_eventlog),
    Row::exec(
        "license smart save usage (all|days <days:days>|day <days:days>|rum-id <id:report>|unreported) file <path:path>",
        "Save usage reports to a file",
        files::save_usage,
    ),
    Row::exec(
        "license smart save trust-request <path:path>",
        "Save a trust request to a file",
        files::save_trust,
    ),
    Row::exec("license smart import <path:path>", "Install a file from CSSM", files::import),
    Row::exec(
        "license smart authorization request [<license:word> [<count:count>]] [local|all]",
        "Ask for authorization codes of enforced licenses",
        exec::authorization_request,
    )
    .enforced(),
    Row::exec(
        "license smart authorization return [local|all]",
        "Give authorization codes back",
        exec::authorization_return,
    )
    .enforced(),
    Row::exec("configure [terminal]", "Enter configuration mode", exec::configure),
    Row::exec("copy running-config startup-config", "Save the configuration", exec::save_config),
    Row::exec("write erase", "Erase the startup configuration", exec::write_erase),
    Row::exec("reload [force]", "Reload the switch", exec::reload),
    Row::exec("system switchover", "Let the standby supervisor take over", redundancy::switchover),
    Row::exec(
        "clock set <time:time> <day:monthday> <month:month> <year:year>",
        "Set the clock",
        exec::clock_set,
    ),
    Row::show("ping <host:host> [vrf <vrf:word>] [count <count:count>]", "Send echo messages", network::ping),
    Row::show("nslookup <host:host>", "Ask the name servers for an address", network::nslookup),
    Row::show("terminal length <lines:length>", "Set the lines of the terminal", exec::terminal_length),
    Row::show("terminal width <columns:width>", "Set the columns of the terminal", exec::terminal_width),
    Row::show(
        "terminal session-timeout <minutes:timeout>",
        "Set the minutes after which an idle session ends",
        exec::terminal_timeout,
    ),
    Row::show("terminal [no] monitor", "Show log lines in this session", exec::terminal_monitor),
    Row::show("terminal [no] dont-ask", "Go ahead where a command would ask", exec::terminal_dont_ask),
    Row::show("end", "Leave configuration mode", exec::end).under(Place::Anywhere),
    Row::show("exit", "Leave this mode, or the session", exec::exit).under(Place::Anywhere),
];
