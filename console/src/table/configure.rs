//! Configuration commands.

use super::{Place, Row};
use crate::run::{configure as run, license, logging};

pub(super) static ROWS: &[Row] = &[
    Row::config(
        "license smart transport / (callhome|cslu|off|smart)",
        "How to reach CSSM",
        license::transport,
    ),
    Row::config(
        "license smart url / (cslu / <url:csluurl>|smart / <url:url>|default|<url:url>)",
        "Where to send",
        license::url,
    ),
    Row::config("license smart usage interval / <days:interval>", "Days between reports", license::interval),
    Row::config(
        "license smart privacy (hostname|version|all)",
        "What to leave out of messages",
        license::privacy,
    ),
    Row::config(
        "license smart proxy (address / <host:host>|port / <port:port>)",
        "HTTPS proxy",
        license::proxy,
    ),
    Row::config("license smart vrf / <vrf:word>", "VRF to send from", license::vrf),
    Row::config(
        "license smart source-interface / <interface:word>",
        "Interface to send from",
        license::source_interface,
    ),
    Row::config("license smart custom_id / <id:word>", "Identifier that is sent along", license::custom_id),
    Row::config("hostname / <name:hostname>", "Name of the switch", run::hostname),
    Row::config("ip domain name / <domain:hostname>", "Domain appended to names", run::domain),
    Row::config("ip domain-name / <domain:hostname>", "Domain appended to names", run::domain),
    Row::config(
        "ip name-server / <server:address> [<server2:address>] [<server3:address>] [use-vrf <vrf:word>]",
        "Server that resolves names",
        run::name_server,
    ),
    Row::config(
        "ip http client source-interface / <interface:word>",
        "Interface that the HTTP client sends from",
        run::http_source,
    ),
    Row::config(
        "ntp server <server:host> / [version <version:version>] [prefer] [use-vrf <vrf:word>]",
        "Server that gives the time",
        run::ntp_server,
    ),
    Row::config(
        "clock timezone / <zone:word> <hours:zonehours> <minutes:zoneminutes>",
        "Time zone",
        run::zone,
    ),
    Row::config(
        "clock summer-time / <summer:word> <startweek:week> <startday:weekday> <startmonth:month> \
         <starttime:hhmm> <endweek:week> <endday:weekday> <endmonth:month> <endtime:hhmm> <ahead:summerminutes>",
        "Summer time",
        run::summer_time,
    ),
    Row::config(
        "feature (bgp|eigrp|fcoe-npv|interface-vlan|isis|lacp|lldp|macsec|msdp|nxapi|ospf|ospfv3|pbr|pim|vpc)",
        "Features, some of which need a license",
        run::feature,
    ),
    Row::config("logging console [<severity:severity>]", "Severity that the console shows", logging::console),
    Row::config("logging monitor [<severity:severity>]", "Severity that sessions show", logging::monitor),
    Row::config(
        "logging server <server:host> / [<severity:severity>] [port <port:port>] \
         [facility (local0|local1|local2|local3|local4|local5|local6|local7)] [use-vrf <vrf:word>]",
        "Server that gets the log",
        logging::server,
    ),
    Row::config(
        "logging origin-id / (hostname|ip|string <text:word>)",
        "What stands before the time stamp of remote lines",
        logging::origin,
    ),
    Row::config(
        "logging timestamp / (microseconds|milliseconds|seconds)",
        "Fraction of time stamps",
        logging::timestamp,
    ),
    Row::config("logging rfc-strict / 5424", "Remote lines in the form of RFC 5424", logging::rfc_strict),
    Row::enter("interface <interface:word>", "An interface", run::interface),
    Row::config("shutdown", "Take the interface down", run::shutdown).under(Place::Interface),
    Row::config("ip address / (<net:prefix>|<address:ipv4> <mask:ipv4>)", "Address and mask", run::address)
        .under(Place::Interface),
    Row::config("vrf member / <vrf:word>", "The VRF that the interface belongs to", run::vrf_member)
        .under(Place::Interface),
    Row::enter("vrf context <vrf:word>", "A VRF", run::vrf),
    Row::config("ip route 0.0.0.0/0 / <gateway:ipv4>", "Where other subnets are reached", run::gateway)
        .under(Place::Vrf),
    Row::config("ip name-server / <server:address>", "Server that resolves names", run::name_server)
        .under(Place::Vrf),
    Row::config("ip route 0.0.0.0/0 / <gateway:ipv4>", "Where other subnets are reached", run::gateway),
    Row::enter("callhome", "Call Home", run::callhome),
    Row::config("enable", "Let Call Home send", run::callhome_enable).under(Place::Callhome),
    Row::config("email-contact / <email:word>", "Contact, needed before enable", run::callhome_contact)
        .under(Place::Callhome),
    Row::config(
        "destination-profile CiscoTAC-1 (http / <url:url>|transport-method http)",
        "Where Call Home sends",
        run::callhome_profile,
    )
    .under(Place::Callhome),
    Row::config("transport http use-vrf / <vrf:word>", "VRF that Call Home sends from", run::callhome_vrf)
        .under(Place::Callhome),
    Row::enter("line (console|vty)", "Lines of sessions", run::line),
    Row::config(
        "exec-timeout / <minutes:timeout>",
        "Minutes after which an idle session ends",
        run::exec_timeout,
    )
    .under(Place::Line),
];
