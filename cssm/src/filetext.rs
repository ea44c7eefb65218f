//! Elements of a licensing file as text: what a CSLU passes on keeps its bytes, because signatures cover them.

use std::ops::Range;

/// Who saved a file, and when (`spec/formats.md` §2).
#[cfg(feature = "server")]
pub(crate) const SYSTEM_INFO: &str = "smartLicenseSystemInfo";
/// Trust codes beside an ACK (`spec/formats.md` §3).
pub(crate) const TRUST_CODE: &str = "smartLicenseTrustCode";
/// A policy, beside an ACK or alone (`spec/formats.md` §4).
pub(crate) const POLICY: &str = "smartLicensePolicy";

/// The first element of that name, its tags included; what looks like a tag inside CDATA is none.
pub(crate) fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.get(find(text, name, 0)?)
}

/// The text without the elements of that name; nothing where it has none.
pub(crate) fn without(text: &str, name: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    while let Some(found) = find(text, name, rest) {
        out.push_str(text.get(rest..found.start)?);
        rest = found.end;
    }
    (rest > 0).then(|| out + text.get(rest..).unwrap_or_default())
}

fn find(text: &str, name: &str, from: usize) -> Option<Range<usize>> {
    let start = outside_cdata(text, &format!("<{name}>"), from)?;
    let close = format!("</{name}>");
    let end = outside_cdata(text, &close, start)?;
    Some(start..end + close.len())
}

fn outside_cdata(text: &str, wanted: &str, from: usize) -> Option<usize> {
    const OPEN: &str = "<![CDATA[";
    const CLOSE: &str = "]]>";
    let mut at = from;
    loop {
        let rest = text.get(at..)?;
        let found = rest.find(wanted)?;
        match rest.find(OPEN) {
            Some(open) if open < found => at += open + rest.get(open..)?.find(CLOSE)? + CLOSE.len(),
            Some(_) | None => return Some(at + found),
        }
    }
}

/// A file of usage reports as a bundle has them: without prolog, and mostly without system information
/// (`spec/formats.md` §7).
#[cfg(any(feature = "server", test))]
pub(crate) fn usage_file<'a>(info: Option<&str>, envelopes: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = "<smartLicense>\n".to_owned();
    if let Some(info) = info {
        out.push_str(info);
        out.push('\n');
    }
    for envelope in envelopes {
        out.push_str("<RUMReport><![CDATA[");
        out.push_str(&envelope.replace("]]>", "]]]]><![CDATA[>"));
        out.push_str("]]></RUMReport>\n");
    }
    out.push_str("</smartLicense>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "<smartLicense>\n<smartLicenseRumAck><data><![CDATA[\"<smartLicensePolicy>x</smartLicensePolicy>\"]]></data></smartLicenseRumAck>\n<smartLicensePolicy>\n<data><![CDATA[</smartLicensePolicy>]]></data></smartLicensePolicy>\n<smartLicenseTrustCode>1</smartLicenseTrustCode>\n<smartLicenseTrustCode>2</smartLicenseTrustCode>\n</smartLicense>\n";

    #[test]
    fn an_element_is_found_by_its_tags_and_not_by_text_that_looks_like_them() {
        let policy = element(FILE, POLICY).unwrap();
        assert_eq!(
            policy,
            "<smartLicensePolicy>\n<data><![CDATA[</smartLicensePolicy>]]></data></smartLicensePolicy>"
        );
        assert_eq!(element(FILE, "smartLicenseTrustRequest"), None);
        assert_eq!(element("<smartLicensePolicy><![CDATA[", POLICY), None);
    }

    #[test]
    fn all_elements_of_a_name_go_and_the_rest_keeps_its_bytes() {
        let left = without(FILE, TRUST_CODE).unwrap();
        assert!(!left.contains(TRUST_CODE));
        assert_eq!(element(&left, POLICY), element(FILE, POLICY));
        assert_eq!(without(&left, TRUST_CODE), None);
    }

    #[test]
    fn the_end_of_a_cdata_section_inside_a_report_is_split() {
        assert_eq!(
            usage_file(None, ["a]]>b"]),
            "<smartLicense>\n<RUMReport><![CDATA[a]]]]><![CDATA[>b]]></RUMReport>\n</smartLicense>\n"
        );
    }
}
