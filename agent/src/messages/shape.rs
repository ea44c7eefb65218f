//! A template, cut into pieces at compile time so that rendering only copies.

use core::fmt;

use super::severity::Severity;

/// Templates have at most this many variable fields.
pub(super) const FIELDS_MAX: usize = 2;

/// The tag and the template of a message on one system.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    /// Facility of the tag, such as `LICMGR`.
    pub facility: &'static str,
    /// The digit of the tag.
    pub severity: Severity,
    /// The code of the tag.
    pub mnemonic: &'static str,
    /// The text, variable fields in square brackets (`spec/chapter.md` S-10).
    pub template: &'static str,
    /// The whole line with tag, colon and template.
    full: &'static str,
    /// What stands before, between and behind the fields; the first piece begins with the tag.
    pieces: [&'static str; FIELDS_MAX + 1],
    fields: usize,
}

impl Shape {
    pub(super) const fn new(
        facility: &'static str,
        severity: u8,
        mnemonic: &'static str,
        template: &'static str,
        full: &'static str,
    ) -> Self {
        let (pieces, fields) = cut(full);
        Self { facility, severity: Severity::of(severity), mnemonic, template, full, pieces, fields }
    }

    /// The tag, such as `%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED`.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        self.head().trim_end_matches([':', ' '])
    }

    /// How many variable fields the template has.
    #[must_use]
    pub const fn fields(&self) -> usize {
        self.fields
    }

    /// The literal text, field by field: before the first, between, behind the last.
    #[must_use]
    pub fn pieces(&self) -> &[&'static str] {
        self.pieces.get(..=self.fields).unwrap_or_default()
    }

    /// What stands behind the first and behind the second field; empty where there is no such field.
    #[inline]
    pub(super) const fn behind_fields(&self) -> (&'static str, &'static str) {
        (self.pieces[1], self.pieces[2])
    }

    /// The tag with the colon and the blank that follow it.
    pub(super) fn head(&self) -> &'static str {
        self.full.split_at(self.full.len() - self.template.len()).0
    }

    /// The first piece without the tag.
    pub(super) fn lead(&self) -> &'static str {
        self.pieces[0].get(self.full.len() - self.template.len()..).unwrap_or_default()
    }
}

impl fmt::Display for Shape {
    /// Tag and template, such as `%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.full)
    }
}

/// Cuts at every `[…]`. A template with more than [`FIELDS_MAX`] fields does not compile.
const fn cut(full: &'static str) -> ([&'static str; FIELDS_MAX + 1], usize) {
    let mut pieces = [""; FIELDS_MAX + 1];
    let mut fields = 0;
    let mut rest = full;
    loop {
        let open = position(rest, b'[');
        if open == rest.len() {
            pieces[fields] = rest;
            return (pieces, fields);
        }
        let (before, field) = rest.split_at(open);
        pieces[fields] = before;
        fields += 1;
        rest = field.split_at(position(field, b']') + 1).1;
    }
}

/// Where `wanted` first stands; the length of `text` where it does not.
const fn position(text: &str, wanted: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && bytes[at] != wanted {
        at += 1;
    }
    at
}
