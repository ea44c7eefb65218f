//! The save file of a device: system info and reports (`spec/formats.md` §1.5, §2).

use serde_json::{Map, Value};
use slpsim_agent::{Role, Udi};
use slpsim_policy::Wall;

use crate::error::{DecodeError, EncodeError, Rule};
use crate::json::{Field, Object, Writer, parse_object};
use crate::message::{Nonce, UsageReport, Word};
use crate::rum::{MAX_ENTRIES, envelope_of, envelope_text, sudi};
use crate::sign::DeviceKeys;
use crate::xml;

/// `smartLicenseSystemInfo`: who saved, and when. The nesting is modelled.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemInfo {
    /// The active unit.
    pub udi: Udi,
    /// The device's clock.
    pub timestamp: Wall,
    /// A fresh nonce.
    pub nonce: Nonce,
    /// Absent with `license smart privacy hostname`.
    pub hostname: Option<Box<str>>,
    /// Software tag.
    pub software_tag: Option<Word>,
    /// All units.
    pub devices: Vec<SystemUnit>,
    /// Members that are not known, kept and written back unchanged.
    pub other: Map<String, Value>,
}

/// One entry of `device_list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemUnit {
    /// The unit.
    pub udi: Udi,
    /// Its host name.
    pub hostname: Option<Box<str>>,
    /// Its software tag.
    pub software_tag: Option<Word>,
    /// Its role; `None` for a word that is not known.
    pub role: Option<Role>,
}

const KNOWN: [&str; 6] = ["sudi", "timestamp", "nonce", "hostname", "software_tag_identifier", "device_list"];

impl SystemInfo {
    /// The text of `data`.
    pub(super) fn write(&self) -> String {
        Writer::object(|w| {
            w.udi("sudi", &self.udi);
            w.number("timestamp", self.timestamp.0);
            w.text("nonce", &self.nonce.to_string());
            names(w, self.hostname.as_deref(), self.software_tag.as_deref());
            w.list("device_list", |w| {
                for unit in &self.devices {
                    w.entry(|w| {
                        w.udi("sudi", &unit.udi);
                        names(w, unit.hostname.as_deref(), unit.software_tag.as_deref());
                        if let Some(role) = unit.role {
                            w.text("role", role.name());
                        }
                    });
                }
            });
            for (name, value) in &self.other {
                w.value(name, value);
            }
        })
    }

    /// Reads the text of `data`.
    pub(super) fn read(data: &str) -> Result<Self, DecodeError> {
        let map = parse_object(data)?;
        let object = Object(&map);
        let devices = object.field("device_list").optional();
        let devices =
            devices.map(|list| list.each(MAX_ENTRIES, |entry| read_unit(entry.object()?))).transpose()?;
        let udi = object.field("sudi").object_with(sudi)?;
        let timestamp = object.field("timestamp").millis()?;
        let nonce = Nonce::parse(object.field("nonce").text()?);
        let (hostname, software_tag) = read_names(object)?;
        let other = map.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str()));
        let other = other.map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(Self {
            udi,
            timestamp,
            nonce,
            hostname,
            software_tag,
            devices: devices.unwrap_or_default(),
            other,
        })
    }
}

fn names(w: &mut Writer, hostname: Option<&str>, software_tag: Option<&str>) {
    if let Some(hostname) = hostname {
        w.text("hostname", hostname);
    }
    if let Some(tag) = software_tag {
        w.text("software_tag_identifier", tag);
    }
}

fn read_names(object: Object<'_>) -> Result<(Option<Box<str>>, Option<Word>), DecodeError> {
    let hostname = object.field("hostname").optional().map(Field::text).transpose()?;
    let tag = object.field("software_tag_identifier").optional().map(Field::text).transpose()?;
    Ok((hostname.map(Into::into), tag.map(|tag| Word::Owned(tag.to_owned()))))
}

fn read_unit(unit: Object<'_>) -> Result<SystemUnit, DecodeError> {
    let (hostname, software_tag) = read_names(unit)?;
    let word = unit.field("role").optional().map(Field::text).transpose()?;
    let role =
        word.and_then(|word| [Role::Active, Role::Standby].into_iter().find(|role| role.name() == word));
    Ok(SystemUnit { udi: unit.field("sudi").object_with(sudi)?, hostname, software_tag, role })
}

/// Writes a save file, or with no `info` the XML wrapper of `spec/formats.md` §1.5. A report that came in an envelope
/// goes out in the same one.
///
/// # Errors
/// [`EncodeError::NoKey`] where a report needs the ID key, [`EncodeError::TooLarge`].
pub fn save_file(
    info: Option<&SystemInfo>,
    reports: &[UsageReport],
    keys: Option<&DeviceKeys>,
) -> Result<String, EncodeError> {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<smartLicense>\n".to_owned();
    if let Some(info) = info {
        system_info(&mut out, info);
    }
    for report in reports {
        out.push_str("<RUMReport>");
        xml::cdata(&mut out, &envelope_text(&envelope_of(report, keys)?));
        out.push_str("</RUMReport>\n");
    }
    out.push_str("</smartLicense>\n");
    super::within_limit(out)
}

pub(super) fn system_info(out: &mut String, info: &SystemInfo) {
    out.push_str("<smartLicenseSystemInfo><data>");
    xml::cdata(out, &info.write());
    out.push_str("</data></smartLicenseSystemInfo>\n");
}

/// Reads `RUMReport`.
pub(super) fn read_report(element: &xml::Element) -> Result<UsageReport, DecodeError> {
    let content = element.content();
    if content.is_empty() {
        return Err(DecodeError::new(Rule::Present, "RUMReport", ""));
    }
    crate::rum::report_from_text(content).map_err(|error| error.within("RUMReport"))
}
