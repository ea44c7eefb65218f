//! Commands that show.

use super::{Place, Row};
use crate::run::{logging, network, redundancy, system};
use crate::show::{authorization, facts, history, rum, status, summary, tech, udi, usage};

pub(super) static ROWS: &[Row] = &[
    Row::show("show license all", "All licensing information", summary::all),
    Row::show("show license status", "Policy, transport, trust and reporting", status::show),
    Row::show("show license summary", "Licenses in use, one a line", usage::summary),
    Row::show("show license usage [<license:word>]", "Licenses in use, or the features of one", usage::show),
    Row::show("show license udi", "Unique device identifiers", udi::show),
    Row::show("show license tech support", "Everything that technical support asks for", tech::show),
    Row::show("show license eventlog [<days:days>]", "Licensing events", history::eventlog),
    Row::show(
        "show license history message",
        "Messages exchanged with the peer and by file",
        history::messages,
    ),
    Row::show(
        "show license rum id (all|<id:report> [detail]|detail (all|<id:report>))",
        "Usage reports",
        rum::show,
    ),
    Row::show("show license rum id all detail", "Usage reports in detail", rum::show),
    Row::show("show license authorization", "Authorization codes", authorization::show),
    Row::show("show license data conversion", "Conversion of older licenses", authorization::conversion),
    Row::show("show license host-id", "The identifier for older licenses", udi::host_id),
    Row::show("show call-home profile all", "Profiles of Call Home", system::call_home_profile),
    Row::show("show callhome", "Settings of Call Home", system::callhome),
    Row::show("show ip http client", "Settings of the HTTP client", system::http_client),
    Row::show("show clock", "The clock", system::clock),
    Row::show("show hostname", "The host name", system::hostname),
    Row::show("show hosts", "Domain name and name servers", network::hosts),
    Row::show("show ntp status", "State of NTP", network::ntp_status),
    Row::show(
        "show running-config [all|callhome|clock|feature|hostname|interface|ip|license|line|logging|ntp|vrf]",
        "The configuration in use",
        system::running_config,
    ),
    Row::show("show startup-config", "The configuration of the next start", system::startup_config),
    Row::show("show version", "Software, hardware and uptime", system::version),
    Row::show("show inventory", "Parts and serial numbers", system::inventory),
    Row::show("show system redundancy status", "State of the supervisors", redundancy::status),
    Row::show("show logging logfile", "The log file", logging::logfile),
    Row::show("show logging last <lines:count>", "The last lines of the log file", logging::last),
    Row::show("show interface [<interface:word>]", "Interfaces in detail", facts::interface),
    Row::show("show interface status", "Interfaces, one a line", network::interface_status),
    Row::show("show user-account", "The user of this session", system::user_account),
    Row::show("show privilege", "The privilege of this session", system::privilege),
    Row::show("where", "The mode and its parents", system::place).under(Place::Anywhere),
];
