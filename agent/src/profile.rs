//! The platforms that an agent can be, with their licences and names.
//!
//! The shape of tags follows `spec/formats.md` §1; the uuids in them are invented (modelled).

use slpsim_policy::{CiscoDefault, Class};

/// Names a built-in profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum ProfileId {
    /// Nexus 9000.
    #[default]
    Nexus9000,
    /// Nexus 3000.
    Nexus3000,
    /// MDS 9000, which has enforced licences.
    Mds9000,
}

impl ProfileId {
    /// All profiles.
    pub const ALL: [Self; 3] = [Self::Nexus9000, Self::Nexus3000, Self::Mds9000];

    /// The profile itself.
    #[must_use]
    pub const fn profile(self) -> &'static Profile {
        match self {
            Self::Nexus9000 => &NEXUS9000,
            Self::Nexus3000 => &NEXUS3000,
            Self::Mds9000 => &MDS9000,
        }
    }

    /// The profile of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.profile().name == name)
    }
}

/// What a platform is called and what it can license.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    /// The word in configurations.
    pub name: &'static str,
    /// The product id when none is configured.
    pub default_pid: &'static str,
    /// Software tag (`spec/formats.md` §1).
    pub software_tag: &'static str,
    /// `software_version` of a RUM report.
    pub software_version: &'static str,
    /// As `show version` prints it, such as `10.3(3)`.
    pub release: &'static str,
    /// Which Cisco default policy is on the box.
    pub cisco_default: CiscoDefault,
    /// Whether enforced licences and authorization codes exist.
    pub has_enforced: bool,
    /// The licences, the default one first.
    pub licenses: &'static [License],
}

impl Profile {
    /// Position and licence of that name.
    #[must_use]
    pub fn license(&self, name: &str) -> Option<(u8, &'static License)> {
        let at = self.licenses.iter().position(|license| license.name == name)?;
        Some((u8::try_from(at).ok()?, &self.licenses[at]))
    }
}

/// A licence that a platform can use.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct License {
    /// Feature name.
    pub name: &'static str,
    /// Entitlement tag.
    pub tag: &'static str,
    /// Description in show output.
    pub description: &'static str,
    /// Class for the policy.
    pub class: Class,
}

const fn unenforced(name: &'static str, tag: &'static str, description: &'static str) -> License {
    License { name, tag, description, class: Class::Unenforced }
}

static NEXUS9000: Profile = Profile {
    name: "nexus9000",
    default_pid: "N9K-C93180YC-FX3",
    software_tag: "regid.2017-11.com.cisco.Nexus_9300,1.0_00000000-0000-4000-8000-000000009300",
    software_version: "10.3(3)FI9(1)",
    release: "10.3(3)",
    cisco_default: CiscoDefault::NxOs,
    has_enforced: false,
    licenses: &[
        unenforced(
            "LAN_ENTERPRISE_SERVICES_PKG",
            "regid.2019-06.com.cisco.LAN_Nexus9300_XF2,1.0_00000000-0000-4000-8000-000000000001",
            "LAN license for Nexus 9300-XF2",
        ),
        unenforced(
            "NXOS_ESSENTIALS",
            "regid.2019-06.com.cisco.NXOS_ESSENTIALS_XF2,1.0_00000000-0000-4000-8000-000000000002",
            "NX-OS essentials license for Nexus 9300-XF2",
        ),
        unenforced(
            "NXOS_ADVANTAGE",
            "regid.2019-06.com.cisco.NXOS_ADVANTAGE_XF2,1.0_00000000-0000-4000-8000-000000000003",
            "NX-OS advantage license for Nexus 9300-XF2",
        ),
        unenforced(
            "NETWORK_SERVICES_PKG",
            "regid.2019-06.com.cisco.NETWORK_Nexus9300_XF2,1.0_00000000-0000-4000-8000-000000000004",
            "Network services license for Nexus 9300-XF2",
        ),
        unenforced(
            "VPN_FABRIC",
            "regid.2019-06.com.cisco.VPN_FABRIC_XF2,1.0_00000000-0000-4000-8000-000000000005",
            "VPN fabric license for Nexus 9300-XF2",
        ),
        unenforced(
            "FC_PORT_ACTIVATION_PKG",
            "regid.2019-06.com.cisco.FC_PORT_XF2,1.0_00000000-0000-4000-8000-000000000006",
            "FC port activation license for Nexus 9300-XF2",
        ),
        unenforced(
            "SECURITY_PKG",
            "regid.2019-06.com.cisco.SECURITY_XF2,1.0_00000000-0000-4000-8000-000000000007",
            "Security license for Nexus 9300-XF2",
        ),
        unenforced(
            "STORAGE-ENT",
            "regid.2019-06.com.cisco.STORAGE_ENT_XF2,1.0_00000000-0000-4000-8000-000000000008",
            "Storage license for Nexus 9300-XF2",
        ),
    ],
};

static NEXUS3000: Profile = Profile {
    name: "nexus3000",
    default_pid: "N3K-C3172PQ-10GE",
    software_tag: "regid.2017-11.com.cisco.Nexus_3000,1.0_00000000-0000-4000-8000-000000003000",
    software_version: "10.3(3)FI9(1)",
    release: "10.3(3)",
    cisco_default: CiscoDefault::NxOs,
    has_enforced: false,
    licenses: &[
        unenforced(
            "LAN_ENTERPRISE_SERVICES_PKG",
            "regid.2019-06.com.cisco.LAN_Nexus3000,1.0_00000000-0000-4000-8000-000000000101",
            "LAN license for Nexus 3000",
        ),
        unenforced(
            "LAN_BASE_SERVICES_PKG",
            "regid.2019-06.com.cisco.LAN_BASE_Nexus3000,1.0_00000000-0000-4000-8000-000000000102",
            "LAN base license for Nexus 3000",
        ),
        unenforced(
            "ALGO_BOOST_SERVICES_PKG",
            "regid.2019-06.com.cisco.ALGO_BOOST_Nexus3000,1.0_00000000-0000-4000-8000-000000000103",
            "Algo boost license for Nexus 3000",
        ),
    ],
};

static MDS9000: Profile = Profile {
    name: "mds9000",
    default_pid: "DS-C9148T-K9",
    software_tag: "regid.2021-03.com.cisco.MDS_9000,1.0_00000000-0000-4000-8000-000000009148",
    software_version: "9.2(2)",
    release: "9.2(2)",
    cisco_default: CiscoDefault::NxOs,
    has_enforced: true,
    licenses: &[
        unenforced(
            "ENTERPRISE_PKG",
            "regid.2021-03.com.cisco.MDS_ENTERPRISE,1.0_00000000-0000-4000-8000-000000000201",
            "Enterprise license for MDS 9100",
        ),
        unenforced(
            "DCNM-SAN",
            "regid.2021-03.com.cisco.MDS_DCNM_SAN,1.0_00000000-0000-4000-8000-000000000202",
            "Fabric management license for MDS 9100",
        ),
        License {
            name: "PORT_ACTIV_9148T_PKG",
            tag: "regid.2021-03.com.cisco.MDS_PORT_ACTIV,1.0_00000000-0000-4000-8000-000000000203",
            description: "Port activation license for MDS 9148T",
            class: Class::Enforced,
        },
    ],
};
