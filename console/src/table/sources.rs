//! Where the lines of show pages are known from (`spec/behaviour.md` §18, `spec/console.md` §5, `spec/formats.md` §14 to
//! §17). `docs/commands.md` prints this, and a test asks it for every line that is shown in every state.

/// Who is known to print a line so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// NX-OS: Cisco's guides, the chapter, or outputs of devices.
    NxOs,
    /// IOS-XE, where the same agent runs; that NX-OS prints it so is likely, but not known.
    IosXe,
    /// This program; nothing public says how the line looks.
    Modelled,
}

impl Origin {
    /// All.
    pub const ALL: [Self; 3] = [Self::NxOs, Self::IosXe, Self::Modelled];

    /// As the documents say it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NxOs => "NX-OS",
            Self::IosXe => "IOS-XE",
            Self::Modelled => "modelled",
        }
    }
}

/// Lines that stand together, by how they begin behind their indentation.
#[derive(Debug)]
pub struct Block {
    /// Who prints them.
    pub origin: Origin,
    /// How they begin.
    pub lines: &'static [&'static str],
}

/// A page: the command without its arguments, and its blocks.
#[derive(Debug)]
pub struct Page {
    /// `show license status`.
    pub command: &'static str,
    /// Its blocks; a page without any is modelled as a whole.
    pub blocks: &'static [&'static Block],
}

/// The pages about which something is known.
#[must_use]
pub const fn pages() -> &'static [Page] {
    PAGES
}

/// Stands for a line that begins with a digit: a time, or the number of a report.
pub const NUMBER: &str = "<number>";
/// Stands for a line that begins with the name of a licence or of a platform.
pub const NAME: &str = "<name>";

/// Who prints a line of a page so; `None` where this table does not say. Empty lines and rules belong to all.
#[must_use]
pub fn origin_of(command: &str, line: &str) -> Option<Origin> {
    let line = line.trim_start();
    let page = PAGES.iter().find(|page| page.command == command)?;
    let mut lines =
        page.blocks.iter().flat_map(|block| block.lines.iter().map(|start| (*start, block.origin)));
    lines.find(|(start, _)| begins(line, start)).map(|(_, origin)| origin)
}

fn begins(line: &str, start: &str) -> bool {
    match start {
        NUMBER => line.starts_with(|first: char| first.is_ascii_digit()),
        NAME => line.starts_with(|first: char| first.is_ascii_uppercase()),
        start => line.starts_with(start),
    }
}

const fn block(origin: Origin, lines: &'static [&'static str]) -> Block {
    Block { origin, lines }
}

static CHAPTER: Block = block(
    Origin::NxOs,
    &["Transport:", "Type: cslu", "Cslu address:", "Trust Code Installed:", "Last ACK received:"],
);
static STATUS: Block = block(
    Origin::IosXe,
    &[
        "Utility:",
        "Smart Licensing Using Policy:",
        "Status: ENABLED",
        "Status: DISABLED",
        "Account Information:",
        "Smart Account:",
        "Virtual Account:",
        "Data Privacy:",
        "Sending Hostname:",
        "Callhome hostname privacy:",
        "Smart Licensing hostname privacy:",
        "Version privacy:",
        "Type: Smart",
        "Type: Callhome",
        "Type: Transport Off",
        "URL:",
        "Proxy:",
        "Not Configured",
        "Address:",
        "Port:",
        "Username:",
        "Password:",
        "VRF:",
        "Policy:",
        "Policy in use:",
        "Policy name:",
        "Reporting ACK required:",
        "First report requirement (days):",
        "Miscellaneous:",
        "Custom Id:",
        "Usage Reporting:",
        "Next ACK deadline:",
        "Reporting push interval:",
        "Next ACK push check:",
        "Next report push:",
        "Last report push:",
        "Last report file write:",
        "Active:",
        "Standby:",
        "INSTALLED on",
    ],
);
static STATUS_OURS: Block = block(
    Origin::Modelled,
    &[
        "Unenforced/Non-Export:",
        "Enforced:",
        "Ongoing reporting frequency (days):",
        "On change reporting (days):",
        "Source Interface:",
    ],
);
static USAGE: Block = block(
    Origin::NxOs,
    &["(", "Description:", "Count:", "Version:", "Status: IN USE", "Enforcement Type:", "License Type:"],
);
static USAGE_HEAD: Block =
    block(Origin::NxOs, &["License Authorization:", "Status: Not Applicable", "Feature List:"]);
static SUMMARY: Block = block(Origin::NxOs, &["License Usage:", "License ", "----", NAME]);
static ALL: Block = block(
    Origin::IosXe,
    &[
        "Smart Licensing Status",
        "Smart Licensing is ENABLED",
        "License Conversion:",
        "Automatic Conversion Enabled:",
        "Last Data Push:",
        "Last File Export:",
        "Export Authorization Key:",
        "Features Authorized:",
        "<none>",
        "Reporting Mode:",
        "License Usage",
        "No licenses in use",
        "Product Information",
        "Agent Version",
        "Smart Agent for Licensing:",
        "License Authorizations",
        "====",
    ],
);
static UDI: Block = block(Origin::IosXe, &["UDI:", "HA UDI List:", "Active:", "Standby:"]);
static AUTHORIZATION: Block = block(
    Origin::IosXe,
    &[
        "Overall status:",
        "Active:",
        "Standby:",
        "Status:",
        "Purchased Licenses:",
        "No Purchase Information Available",
    ],
);
static AUTHORIZATION_OURS: Block = block(Origin::Modelled, &["Authorization Status:"]);
static REPORTS: Block = block(
    Origin::IosXe,
    &["Usage Report Summary:", "Total:", "Total Acknowledged Received:", "Available to Report:"],
);
static TECH: Block = block(
    Origin::IosXe,
    &[
        "Smart Licensing Tech Support info",
        "Handle:",
        "License:",
        "Entitlement Tag:",
        "Description:",
        "Count:",
        "Version:",
        "Status: IN USE(15)",
        "Status: NOT IN USE(1)",
        "Status time:",
        "Request Time:",
        "Export status:",
        "Feature Name:",
        "Feature Description:",
        "Enforcement type:",
        "License type:",
        "Measurements:",
        "ENTITLEMENT:",
        "Interval:",
        "Current Value:",
        "Current Report:",
        "Soft Enforced:",
        "Upcoming Scheduled Jobs",
        "Current time:",
        "Daily:",
        "Init Flag Check:",
        "Reservation configuration mismatch between nodes in HA mode:",
        "Retrieve data processing result:",
        "Start Utility Measurements:",
        "Send Utility RUM reports:",
        "Save unreported RUM Reports:",
        "Process Utility RUM reports:",
        "Telemetry Reporting:",
        "Authorization Code Process:",
        "Data Synchronization:",
        "External Event:",
        "Operational Model:",
        "Communication Statistics:",
        "Communication Level Allowed:",
        "Overall State:",
        "Trust Establishment:",
        "Trust Acknowledgement:",
        "Result Polling:",
        "Authorization Request:",
        "Authorization Confirmation:",
        "Authorization Return:",
        "Trust Sync:",
        "Hello Message:",
        "Attempts:",
        "Last Response:",
        "Failure Reason:",
        "Last Success Time:",
        "Last Failure Time:",
        "License Certificates",
        "Production Cert:",
        "Not registered. No certificates installed",
        "HA Info",
        "RP Role:",
        "Chassis Role:",
        "Behavior Role:",
        "RMF:",
        "CF:",
        "CF State:",
        "Message Flow Allowed:",
        "Reservation Info",
        "License reservation:",
        "Reservation status:",
        "Request code:",
        "Last return code:",
        "Last Confirmation code:",
        "Reservation authorization code:",
        "Specified license reservations:",
        "Maximum Display:",
        "Report Module Status:",
        "Device Telemetry Report Summary:",
        "Data Channel:",
        "Reports on disk:",
        "Other Info",
        "Software ID:",
        "Agent State:",
        "TS enable:",
        "Default URL:",
        "Transport: Smart",
        "Privacy Send Hostname:",
        "Message Version:",
        "connect_info.",
        "agent.capabilities:",
        "Event log max size:",
        "P:",
        "Overall Trust:",
        "Clock sync-ed with NTP:",
        "Platform Provided Mapping Table",
        "Enforced Licenses:",
        "No PD enforced licenses",
    ],
);
static TECH_OWN: Block =
    block(Origin::Modelled, &["Transport: cslu", "Transport: Callhome", "Transport: Transport Off"]);
static TECH_OURS: Block = block(Origin::IosXe, &[NAME]);
static HISTORY: Block = block(
    Origin::IosXe,
    &[
        "Message History (oldest to newest):",
        "Import Message History (oldest to newest):",
        "Trust Establishment:",
        "Usage Reporting:",
        "Result Polling:",
        "Authorization Request:",
        "Authorization Return:",
        "Trust Sync:",
        "No past history",
        "Import POLICY:",
        "Import AUTH:",
        "Import TRUST CODE:",
        "Import RUM ACK:",
        "Import CONVERSION ACK:",
        "Import ACCOUNT INFO:",
        "No past Import history",
        "====",
    ],
);
static HISTORY_OURS: Block =
    block(Origin::Modelled, &["Sent request on", "Received response on", "Imported on", "Refused on"]);
static EVENTLOG: Block = block(Origin::IosXe, &["**** Event Log ****", "No EventLog Found.", NUMBER]);
static RUM: Block = block(Origin::IosXe, &["Smart Licensing Usage Report:", "Report Id,", NUMBER, "===="]);
static RUM_DETAIL: Block = block(
    Origin::IosXe,
    &[
        "Smart Licensing Usage Report Detail:",
        "Report Id:",
        "Metric Name:",
        "Feature Name:",
        "Metric Value:",
        "UDI:",
        "Previous Report Id:",
        "State:",
        "Start Time:",
        "Storage State:",
        "Transaction ID:",
        "Transaction Message:",
        "====",
    ],
);
static CONVERSION: Block = block(
    Origin::Modelled,
    &["Status:", "Completed:", "Automatic Conversion Enabled:", "Last Data Push:", "Last File Export:"],
);
static HOST_ID: Block = block(Origin::NxOs, &["License hostid:"]);
static CALL_HOME: Block = block(
    Origin::NxOs,
    &[
        "Current smart-licensing transport settings:",
        "Smart-license messages:",
        "Profile:",
        "Destination URL(s):",
    ],
);
static CALLHOME: Block = block(
    Origin::Modelled,
    &[
        "callhome enabled",
        "callhome disabled",
        "Callhome Information:",
        "contact person's email:",
        "transport vrf:",
    ],
);
static HTTP_CLIENT: Block =
    block(Origin::Modelled, &["HTTP client source interface:", "Smart licensing source interface:", "VRF:"]);
static RUNNING: Block = block(Origin::NxOs, &["!Command:", "!Time:", "version ", "license smart "]);
static VERSION: Block = block(
    Origin::NxOs,
    &[
        "Cisco Nexus Operating System (NX-OS) Software",
        "Software",
        "NXOS: version",
        "NXOS image file is:",
        "Hardware",
        "cisco Nexus",
        "Processor Board ID",
        "Device name:",
        "Kernel uptime is",
    ],
);
static REDUNDANCY: Block = block(
    Origin::NxOs,
    &[
        "Redundancy mode",
        "administrative:",
        "operational:",
        "This supervisor (",
        "Other supervisor (",
        "Redundancy state:",
        "Supervisor state:",
        "Internal state:",
        "----",
    ],
);
static INVENTORY: Block = block(Origin::NxOs, &["NAME:", "PID:"]);

/// A command and what it prints.
const fn page(command: &'static str, blocks: &'static [&'static Block]) -> Page {
    Page { command, blocks }
}

// Of several blocks with the same begin, the first one counts: tech support has lines of its own before those of status.
static PAGES: &[Page] = &[
    page(
        "show license all",
        &[&USAGE, &CHAPTER, &STATUS, &STATUS_OURS, &AUTHORIZATION_OURS, &ALL, &UDI, &AUTHORIZATION, &REPORTS],
    ),
    page("show license status", &[&CHAPTER, &STATUS, &STATUS_OURS]),
    page("show license summary", &[&SUMMARY]),
    page("show license usage", &[&USAGE_HEAD, &USAGE]),
    page("show license udi", &[&UDI]),
    page(
        "show license tech support",
        &[
            &TECH,
            &TECH_OWN,
            &CHAPTER,
            &STATUS,
            &STATUS_OURS,
            &ALL,
            &UDI,
            &AUTHORIZATION,
            &REPORTS,
            &TECH_OURS,
        ],
    ),
    page("show license eventlog", &[&EVENTLOG]),
    page("show license history message", &[&HISTORY, &HISTORY_OURS]),
    page("show license rum id all", &[&RUM]),
    page("show license rum id all detail", &[&RUM_DETAIL]),
    page("show license authorization", &[&AUTHORIZATION]),
    page("show license data conversion", &[&CONVERSION]),
    page("show license host-id", &[&HOST_ID]),
    page("show call-home profile all", &[&CALL_HOME]),
    page("show callhome", &[&CALLHOME]),
    page("show ip http client", &[&HTTP_CLIENT]),
    page("show running-config license", &[&RUNNING]),
    page("show version", &[&VERSION]),
    page("show inventory", &[&INVENTORY]),
    page("show system redundancy status", &[&REDUNDANCY]),
];
