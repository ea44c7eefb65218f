//! The catalogue: one row by message (`spec/messages.md` §1). Text, documents, parse-back and tests derive from it.

use super::severity::FieldKind;
use super::shape::Shape;

/// Names a row of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Row 1.
    PolicyInstallFailed,
    /// Row 2.
    AuthorizationInstallFailed,
    /// Row 3.
    CommFailed,
    /// Row 4.
    CommRestored,
    /// Row 5.
    PolicyRemoved,
    /// Row 6.
    TrustCodeInstallFailed,
    /// Row 7.
    ReportingNotSupported,
    /// Row 8.
    PolicyInstallSuccess,
    /// Row 9.
    AuthorizationInstallSuccess,
    /// Row 10.
    AuthorizationRemoved,
    /// Row 11.
    ReportingRequired,
    /// Row 12.
    TrustCodeInstallSuccess,
}

impl Kind {
    /// All rows, in the chapter's order.
    pub const ALL: [Self; 12] = [
        Self::PolicyInstallFailed,
        Self::AuthorizationInstallFailed,
        Self::CommFailed,
        Self::CommRestored,
        Self::PolicyRemoved,
        Self::TrustCodeInstallFailed,
        Self::ReportingNotSupported,
        Self::PolicyInstallSuccess,
        Self::AuthorizationInstallSuccess,
        Self::AuthorizationRemoved,
        Self::ReportingRequired,
        Self::TrustCodeInstallSuccess,
    ];

    /// Its row.
    #[must_use]
    pub const fn row(self) -> &'static Row {
        &CATALOGUE[self as usize]
    }
}

/// What a message is, why it comes and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The row.
    pub kind: Kind,
    /// Its number, 1 to 12, in the chapter's order.
    pub id: u8,
    /// Tag and template on NX-OS.
    pub nxos: Shape,
    /// What the variable fields hold, from left to right.
    pub arguments: &'static [Argument],
    /// Whether a Nexus can ever emit it; the others live on profile `mds9000`.
    pub applies_to_nexus: bool,
    /// The transition that emits it.
    pub emitted_when: &'static str,
    /// How often.
    pub how_often: &'static str,
    /// What it tells the operator.
    pub explanation: &'static str,
    /// What the operator should do.
    pub action: &'static str,
    /// The message of the same meaning on IOS-XE.
    pub ios_xe: Twin,
    /// The message of the same meaning on IOS-XR.
    pub ios_xr: Twin,
    /// Number of the notification of `CISCO-SMART-LIC-MIB` (`spec/messages.md` §8).
    pub trap: u8,
    /// A second notification, sent where the cause was the import of a file.
    pub trap_on_import: Option<u8>,
}

impl Row {
    /// The code that identifies the message, such as `LOG_SMART_LIC_COMM_FAILED`.
    #[must_use]
    pub const fn mnemonic(&self) -> &'static str {
        self.nxos.mnemonic
    }

    /// The row with that mnemonic.
    #[must_use]
    pub fn by_mnemonic(mnemonic: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|row| row.mnemonic() == mnemonic)
    }
}

/// A variable field of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Argument {
    /// How the template shows it.
    pub kind: FieldKind,
    /// What is printed there.
    pub value: Value,
}

/// What a variable field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Peer name, by the transport type configured at present (`spec/messages.md` §3).
    Peer,
    /// [`crate::Failure`] (`spec/messages.md` §5).
    Failure,
    /// UDI as `P:…,S:…` (`spec/messages.md` §4).
    Udi,
    /// [`super::PolicyError`] (`spec/messages.md` §6).
    PolicyError,
    /// [`super::AuthError`] (`spec/messages.md` §6).
    AuthError,
    /// [`super::TrustError`] (`spec/messages.md` §6).
    TrustError,
    /// Whole days left to the ACK deadline.
    Days,
}

impl Value {
    /// What it is, in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer name of the configured transport",
            Self::Failure => "reason why the exchange failed",
            Self::Udi => "UDI as P:<pid>,S:<serial>",
            Self::PolicyError => "reason why the policy was refused",
            Self::AuthError => "reason why the authorization code was refused",
            Self::TrustError => "reason why the trust code was refused",
            Self::Days => "whole days left to the ACK deadline",
        }
    }

    const fn chars(self) -> Argument {
        Argument { kind: FieldKind::Chars, value: self }
    }
}

/// The same message on another system.
#[derive(Debug, PartialEq, Eq)]
pub struct Twin {
    /// Tag and template there.
    pub shape: Shape,
    /// Whether the text has been seen there; else it is modelled.
    pub seen: bool,
}

macro_rules! shape {
    ($facility:literal, $severity:literal, $mnemonic:literal, $joint:literal, $template:literal) => {
        Shape::new(
            $facility,
            $severity,
            $mnemonic,
            $template,
            concat!("%", $facility, "-", $severity, "-", $mnemonic, $joint, $template),
        )
    };
}

macro_rules! nxos {
    ($severity:literal, $name:literal, $template:literal) => {
        shape!("LICMGR", $severity, $name, ": ", $template)
    };
}

/// IOS-XE has `%SMART_LIC-s-X: text`; IOS-XR the same severity and mnemonic as IOS-XE under another facility, and a
/// blank before the colon (`spec/logs.md` §4).
macro_rules! ios_xe {
    ($severity:literal, $name:literal, $template:literal, $seen:literal) => {
        Twin { shape: shape!("SMART_LIC", $severity, $name, ": ", $template), seen: $seen }
    };
}

macro_rules! ios_xr {
    ($severity:literal, $name:literal, $template:literal, $seen:literal) => {
        Twin { shape: shape!("LICENSE-SMART_LIC", $severity, $name, " : ", $template), seen: $seen }
    };
}

const NOT_ON_NEXUS: &str =
    "Does not concern Nexus switches: they have no export-controlled and no enforced licences.";
const CLOCK: &str = "Make the clock accurate and synchronised with CSSM, for example with `ntp server 198.51.100.100 version 2 prefer`; \
    if it still fails, contact Cisco support.";

/// The twelve messages in the chapter's order.
pub static CATALOGUE: [Row; 12] = [
    Row {
        kind: Kind::PolicyInstallFailed,
        id: 1,
        nxos: nxos!(
            3,
            "LOG_SMART_LIC_POLICY_INSTALL_FAILED",
            "The installation of a new licensing policy has failed: [chars]."
        ),
        arguments: &[Value::PolicyError.chars()],
        applies_to_nexus: true,
        emitted_when: "a policy arrives, in an answer or by import, and is refused: bad signature, time too far off, or unreadable",
        how_often: "once per refused arrival",
        explanation: "A policy was to be installed; an error was found in it and the policy in use stays.",
        action: CLOCK,
        ios_xe: ios_xe!(
            3,
            "POLICY_INSTALL_FAILED",
            "The installation of a new licensing policy has failed: [chars].",
            false
        ),
        ios_xr: ios_xr!(
            3,
            "POLICY_INSTALL_FAILED",
            "The installation of a new licensing policy has failed: [chars].",
            false
        ),
        trap: 48,
        trap_on_import: None,
    },
    Row {
        kind: Kind::AuthorizationInstallFailed,
        id: 2,
        nxos: nxos!(
            3,
            "LOG_SMART_LIC_AUTHORIZATION_INSTALL_FAILED",
            "The install of a new licensing authorization code has failed on [chars]: [chars]."
        ),
        arguments: &[Value::Udi.chars(), Value::AuthError.chars()],
        applies_to_nexus: false,
        emitted_when: "profile mds9000 only: an authorization code is refused on arrival",
        how_often: "once per refused code",
        explanation: NOT_ON_NEXUS,
        action: "None on a Nexus.",
        ios_xe: ios_xe!(
            3,
            "AUTHORIZATION_INSTALL_FAILED",
            "The install of a new licensing authorization code has failed on [chars]: [chars].",
            false
        ),
        ios_xr: ios_xr!(
            3,
            "AUTHORIZATION_INSTALL_FAILED",
            "The install of a new licensing authorization code has failed on [chars]: [chars].",
            false
        ),
        trap: 46,
        trap_on_import: None,
    },
    Row {
        kind: Kind::CommFailed,
        id: 3,
        nxos: nxos!(3, "LOG_SMART_LIC_COMM_FAILED", "Communications failure with the [chars] : [chars]"),
        arguments: &[Value::Peer.chars(), Value::Failure.chars()],
        applies_to_nexus: true,
        emitted_when: "an exchange of any purpose ends without an authenticated answer",
        how_often: "every failed attempt",
        explanation: "Smart Licensing could not communicate with CSSM or CSLU.",
        action: "Check the URL of the transport, the Call Home profile, name resolution, the source interface, routing and firewall, \
            or the discovery of CSLU; the text behind the colon says which.",
        ios_xe: ios_xe!(3, "COMM_FAILED", "Communications failure with the [chars] : [chars]", true),
        ios_xr: ios_xr!(3, "COMM_FAILED", "Communications failure with the [chars] : [chars]", true),
        trap: 12,
        trap_on_import: None,
    },
    Row {
        kind: Kind::CommRestored,
        id: 4,
        nxos: nxos!(3, "LOG_SMART_LIC_COMM_RESTORED", "Communications with the [chars] restored."),
        arguments: &[Value::Peer.chars()],
        applies_to_nexus: true,
        emitted_when: "the first exchange with an authenticated answer after one or more failures",
        how_often: "once per outage",
        explanation: "Product instance and CSSM or CSLU can communicate again.",
        action: "None.",
        ios_xe: ios_xe!(5, "COMM_RESTORED", "Communications with [chars] restored", true),
        ios_xr: ios_xr!(5, "COMM_RESTORED", "Communications with Cisco licensing cloud restored", true),
        trap: 13,
        trap_on_import: None,
    },
    Row {
        kind: Kind::PolicyRemoved,
        id: 5,
        nxos: nxos!(3, "LOG_SMART_LIC_POLICY_REMOVED", "The licensing policy has been removed."),
        arguments: &[],
        applies_to_nexus: true,
        emitted_when: "`license smart factory reset` removes an installed policy and the Cisco default takes effect",
        how_often: "once per removal",
        explanation: "The policy that was installed is gone and the Cisco default applies, so that reporting requirements may differ.",
        action: "None where it was meant. Else get the policy back as the topology allows: it comes by itself with trust, \
            after `license smart sync`, or as a file.",
        ios_xe: ios_xe!(3, "POLICY_REMOVED", "The licensing policy has been removed.", false),
        ios_xr: ios_xr!(3, "POLICY_REMOVED", "The licensing policy has been removed.", false),
        trap: 43,
        trap_on_import: None,
    },
    Row {
        kind: Kind::TrustCodeInstallFailed,
        id: 6,
        nxos: nxos!(
            3,
            "LOG_SMART_LIC_TRUST_CODE_INSTALL_FAILED",
            "The install of a new licensing trust code has failed on [chars]: [chars]."
        ),
        arguments: &[Value::Udi.chars(), Value::TrustError.chars()],
        applies_to_nexus: true,
        emitted_when: "a trust request is refused by the server or by the device itself, or a trust code is refused on arrival",
        how_often: "once per UDI and refusal",
        explanation: "No trust code was installed on the UDI named.",
        action: "Give `force` where one is installed, take a token of the account that the device belongs to, or set the clock with `ntp server`, \
            as the text behind the UDI says.",
        ios_xe: ios_xe!(
            3,
            "TRUST_CODE_INSTALL_FAILED",
            "The install of a new licensing trust code has failed on [chars]: [chars].",
            false
        ),
        ios_xr: ios_xr!(
            3,
            "TRUST_CODE_INSTALL_FAILED",
            "The install of a new licensing trust code has failed on [chars]: [chars].",
            false
        ),
        trap: 52,
        trap_on_import: None,
    },
    Row {
        kind: Kind::ReportingNotSupported,
        id: 7,
        nxos: nxos!(
            4,
            "LOG_SMART_LIC_REPORTING_NOT_SUPPORTED",
            "The CSSM OnPrem that this product instance is connected to is down rev and does not support the enhanced policy and usage reporting mode."
        ),
        arguments: &[],
        applies_to_nexus: true,
        emitted_when: "the peer's capabilities lack POLICY_USAGE",
        how_often: "once per discovery of such a peer",
        explanation: "The SSM On-Prem cannot take part in policy reporting: renewals stop, usage is recorded and kept on the device.",
        action: "Use a supported topology.",
        ios_xe: ios_xe!(
            4,
            "REPORTING_NOT_SUPPORTED",
            "Smart Agent for Licensing CSSM OnPrem is down rev and does not support the enhanced policy and usage reporting mode.",
            true
        ),
        ios_xr: ios_xr!(
            4,
            "REPORTING_NOT_SUPPORTED",
            "Smart Agent for Licensing CSSM OnPrem is down rev and does not support the enhanced policy and usage reporting mode.",
            false
        ),
        trap: 50,
        trap_on_import: None,
    },
    Row {
        kind: Kind::PolicyInstallSuccess,
        id: 8,
        nxos: nxos!(
            6,
            "LOG_SMART_LIC_POLICY_INSTALL_SUCCESS",
            "A new licensing policy was successfully installed."
        ),
        arguments: &[],
        applies_to_nexus: true,
        emitted_when: "a policy whose content differs from the one in use is installed",
        how_often: "once per change",
        explanation: "A policy was installed, usually with the acknowledgement of a report.",
        action: "None. `show license all` shows the policy in use and what it asks for.",
        ios_xe: ios_xe!(
            6,
            "POLICY_INSTALL_SUCCESS",
            "A new licensing policy was successfully installed",
            true
        ),
        ios_xr: ios_xr!(
            6,
            "POLICY_INSTALL_SUCCESS",
            "A new licensing policy was successfully installed",
            false
        ),
        trap: 49,
        trap_on_import: Some(42),
    },
    Row {
        kind: Kind::AuthorizationInstallSuccess,
        id: 9,
        nxos: nxos!(
            6,
            "LOG_SMART_LIC_AUTHORIZATION_INSTALL_SUCCESS",
            "A new licensing authorization code was successfully installed on: [chars]."
        ),
        arguments: &[Value::Udi.chars()],
        applies_to_nexus: false,
        emitted_when: "profile mds9000 only: an authorization code is stored",
        how_often: "once per UDI and code",
        explanation: NOT_ON_NEXUS,
        action: "None on a Nexus.",
        ios_xe: ios_xe!(
            6,
            "AUTHORIZATION_INSTALL_SUCCESS",
            "A new licensing authorization code was successfully installed on: [chars].",
            false
        ),
        ios_xr: ios_xr!(
            6,
            "AUTHORIZATION_INSTALL_SUCCESS",
            "A new licensing authorization code was successfully installed on: [chars].",
            false
        ),
        trap: 40,
        trap_on_import: None,
    },
    Row {
        kind: Kind::AuthorizationRemoved,
        id: 10,
        nxos: nxos!(
            6,
            "LOG_SMART_LIC_AUTHORIZATION_REMOVED",
            "A licensing authorization code has been removed from [chars]"
        ),
        arguments: &[Value::Udi.chars()],
        applies_to_nexus: false,
        emitted_when: "profile mds9000 only: an authorization code is returned, or a factory reset removes it",
        how_often: "once per code",
        explanation: "The licences of the code leave the product instance; features that use them may behave differently.",
        action: "None. `show license all` shows the licences that are left.",
        ios_xe: ios_xe!(
            6,
            "AUTHORIZATION_REMOVED",
            "A licensing authorization code has been removed from [chars]",
            false
        ),
        ios_xr: ios_xr!(
            6,
            "AUTHORIZATION_REMOVED",
            "A licensing authorization code has been removed from [chars]",
            false
        ),
        trap: 41,
        trap_on_import: None,
    },
    Row {
        kind: Kind::ReportingRequired,
        id: 11,
        nxos: nxos!(
            6,
            "LOG_SMART_LIC_REPORTING_REQUIRED",
            "A Usage report acknowledgement will be required in [dec] days."
        ),
        arguments: &[Argument { kind: FieldKind::Dec, value: Value::Days }],
        applies_to_nexus: true,
        emitted_when: "the policy asks for an ACK and the clock reaches the start of the agent, 30 days before the ACK deadline, the deadline, \
            or a day after it",
        how_often: "once at each of these times",
        explanation: "A usage report must reach Cisco, and its acknowledgement the device, within the days named.",
        action: "See that the report is sent: by itself at its scheduled time, with `license smart sync`, over CSLU, \
            or as a file with `license smart save usage`.",
        ios_xe: ios_xe!(
            6,
            "REPORTING_REQUIRED",
            "A Usage report acknowledgement will be required in [dec] days.",
            true
        ),
        ios_xr: ios_xr!(
            6,
            "REPORTING_REQUIRED",
            "A Usage report acknowledgement will be required in [dec] days.",
            false
        ),
        trap: 47,
        trap_on_import: None,
    },
    Row {
        kind: Kind::TrustCodeInstallSuccess,
        id: 12,
        nxos: nxos!(
            6,
            "LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS",
            "A new licensing trust code was successfully installed on [chars]."
        ),
        arguments: &[Value::Udi.chars()],
        applies_to_nexus: true,
        emitted_when: "a trust code is stored for a UDI",
        how_often: "once per UDI and installation",
        explanation: "The UDI named has its trust code.",
        action: "None. `show license status` shows the time under `Trust Code Installed:`.",
        ios_xe: ios_xe!(
            6,
            "TRUST_INSTALL_SUCCESS",
            "A new licensing trust code was successfully installed on [chars].",
            false
        ),
        ios_xr: ios_xr!(
            6,
            "TRUST_INSTALL_SUCCESS",
            "A new licensing trust code was successfully installed on [chars].",
            false
        ),
        trap: 51,
        trap_on_import: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::string::ToString;

    /// `spec/messages.md` §11: no other NX-OS message of SLP is known.
    #[test]
    fn the_catalogue_has_twelve_rows_in_the_chapters_order() {
        assert_eq!(CATALOGUE.len(), 12);
        for (position, row) in CATALOGUE.iter().enumerate() {
            assert_eq!(usize::from(row.id), position + 1);
            assert_eq!(row.kind.row(), row);
        }
        let mnemonics: BTreeSet<_> = CATALOGUE.iter().map(Row::mnemonic).collect();
        assert_eq!(mnemonics.len(), 12, "a mnemonic identifies its message (S-08)");
    }

    /// `spec/chapter.md` §4, with S-04 to S-08.
    #[test]
    fn every_row_is_printed_as_the_chapter_prints_it() {
        let chapter = [
            "%LICMGR-3-LOG_SMART_LIC_POLICY_INSTALL_FAILED: The installation of a new licensing policy has failed: [chars].",
            "%LICMGR-3-LOG_SMART_LIC_AUTHORIZATION_INSTALL_FAILED: The install of a new licensing authorization code has failed on [chars]: [chars].",
            "%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: Communications failure with the [chars] : [chars]",
            "%LICMGR-3-LOG_SMART_LIC_COMM_RESTORED: Communications with the [chars] restored.",
            "%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.",
            "%LICMGR-3-LOG_SMART_LIC_TRUST_CODE_INSTALL_FAILED: The install of a new licensing trust code has failed on [chars]: [chars].",
            "%LICMGR-4-LOG_SMART_LIC_REPORTING_NOT_SUPPORTED: The CSSM OnPrem that this product instance is connected to is down rev and does not support the enhanced policy and usage reporting mode.",
            "%LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS: A new licensing policy was successfully installed.",
            "%LICMGR-6-LOG_SMART_LIC_AUTHORIZATION_INSTALL_SUCCESS: A new licensing authorization code was successfully installed on: [chars].",
            "%LICMGR-6-LOG_SMART_LIC_AUTHORIZATION_REMOVED: A licensing authorization code has been removed from [chars]",
            "%LICMGR-6-LOG_SMART_LIC_REPORTING_REQUIRED: A Usage report acknowledgement will be required in [dec] days.",
            "%LICMGR-6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS: A new licensing trust code was successfully installed on [chars].",
        ];
        for (row, expected) in CATALOGUE.iter().zip(chapter) {
            assert_eq!(row.nxos.to_string(), expected);
            assert_eq!(row.nxos.tag(), expected.split(": ").next().unwrap());
            assert_eq!(row.applies_to_nexus, ![2, 9, 10].contains(&row.id));
        }
    }

    #[test]
    fn the_fields_of_a_template_are_the_arguments_of_its_row() {
        for row in &CATALOGUE {
            let template: alloc::vec::Vec<_> =
                row.nxos.template.split('[').skip(1).map(|rest| rest.split(']').next().unwrap()).collect();
            let arguments: alloc::vec::Vec<_> = row
                .arguments
                .iter()
                .map(|argument| argument.kind.placeholder().trim_matches(['[', ']']))
                .collect();
            assert_eq!(template, arguments, "row {}", row.id);
            assert_eq!(row.nxos.fields(), row.arguments.len());
        }
    }

    /// `spec/messages.md` §1, the twins' column, and §8.
    #[test]
    fn twins_and_traps_are_those_of_the_table() {
        let expected = [
            ("%SMART_LIC-3-POLICY_INSTALL_FAILED", 48),
            ("%SMART_LIC-3-AUTHORIZATION_INSTALL_FAILED", 46),
            ("%SMART_LIC-3-COMM_FAILED", 12),
            ("%SMART_LIC-5-COMM_RESTORED", 13),
            ("%SMART_LIC-3-POLICY_REMOVED", 43),
            ("%SMART_LIC-3-TRUST_CODE_INSTALL_FAILED", 52),
            ("%SMART_LIC-4-REPORTING_NOT_SUPPORTED", 50),
            ("%SMART_LIC-6-POLICY_INSTALL_SUCCESS", 49),
            ("%SMART_LIC-6-AUTHORIZATION_INSTALL_SUCCESS", 40),
            ("%SMART_LIC-6-AUTHORIZATION_REMOVED", 41),
            ("%SMART_LIC-6-REPORTING_REQUIRED", 47),
            ("%SMART_LIC-6-TRUST_INSTALL_SUCCESS", 51),
        ];
        for (row, (tag, trap)) in CATALOGUE.iter().zip(expected) {
            assert_eq!((row.ios_xe.shape.tag(), row.trap), (tag, trap));
            assert_eq!(row.ios_xr.shape.tag(), tag.replace("%SMART_LIC", "%LICENSE-SMART_LIC"));
        }
    }
}
