//! `show license usage` and `show license summary` (`spec/console.md` §5).

use alloc::format;
use alloc::string::String;

use slpsim_agent::License;
use slpsim_policy::Class;

use crate::device::Device;
use crate::document::Document;
use crate::features;
use crate::session::{Exec, Outcome, Refusal};
use crate::syntax::Parsed;

/// Characters of a name before it is cut.
const NAME_CHARS: usize = 23;

pub(crate) fn show(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    if let Some(name) = parsed.arg("license") {
        return features_of(cx, name);
    }
    let (device, doc) = (&*cx.device, &mut *cx.doc);
    doc.section("License Authorization", 2, |doc| doc.field("Status", "Not Applicable"));
    doc.blank();
    blocks(doc, device);
    Ok(())
}

/// One block a licence in use, each followed by an empty line; what reads them refuses any other line.
pub(crate) fn blocks(doc: &mut Document, device: &Device<'_>) {
    for row in device.agent.usage().filter(|row| row.count > 0) {
        let license = row.license;
        doc.text(format_args!("({}):", license.name));
        doc.row("license", |doc| {
            doc.data("name", license.name);
            doc.indented(2, |doc| {
                doc.field("Description", license.description);
                doc.number("Count", row.count);
                doc.field("Version", "1.0");
                doc.field("Status", "IN USE");
                doc.field("Enforcement Type", enforcement(license));
                doc.field("License Type", "Generic");
            });
        });
        doc.blank();
    }
}

/// `spec/behaviour.md` §18: `Feature List:` and one feature a line.
fn features_of(cx: &mut Exec<'_, '_>, name: &str) -> Outcome {
    let profile = cx.device.profile();
    let known = profile.licenses.iter().position(|license| license.name.eq_ignore_ascii_case(name));
    let Some(position) = known else {
        return Err(Refusal(format!("% Invalid license {name}")));
    };
    let config = &*cx.device.config;
    let takes = |feature: &&&str| features::license_of(feature, profile).map(usize::from) == Some(position);
    cx.doc.text("Feature List:");
    for feature in config.features.iter().filter(takes) {
        cx.doc.text(feature);
        cx.doc.row("feature", |doc| doc.data("name", *feature));
    }
    Ok(())
}

pub(crate) fn summary(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let (device, doc) = (&*cx.device, &mut *cx.doc);
    doc.text("License Usage:");
    doc.text(line("License", "Entitlement tag", "Count", "Status"));
    doc.text("-".repeat(77));
    for row in device.agent.usage().filter(|row| row.count > 0) {
        let license = row.license;
        let name = shortened(license.description);
        doc.text(line(&name, &format!("({})", license.name), &format!("{}", row.count), "IN USE"));
        doc.row("license", |doc| {
            doc.data("license", license.description);
            doc.data("entitlement_tag", license.name);
            doc.data("count", row.count);
            doc.data("status", "IN USE");
        });
    }
    Ok(())
}

fn line(license: &str, tag: &str, count: &str, status: &str) -> String {
    format!("{license:<26} {tag:<32} {count:>5} {status}")
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS {
        return String::from(name);
    }
    name.chars().take(NAME_CHARS).chain("...".chars()).collect()
}

pub(crate) const fn enforcement(license: &License) -> &'static str {
    match license.class {
        Class::Unenforced | Class::Perpetual | Class::Subscription => "NOT ENFORCED",
        Class::Enforced => "ENFORCED",
        Class::Export => "EXPORT RESTRICTED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `spec/behaviour.md` §18, the row of `show license summary`.
    #[test]
    fn long_names_are_cut_to_23_characters() {
        assert_eq!(shortened("NX-OS essentials license for Nexus 9300-XF"), "NX-OS essentials licens...");
        assert_eq!(shortened("LAN license"), "LAN license");
    }
}
