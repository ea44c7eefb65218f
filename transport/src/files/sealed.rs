//! A signed text and what is in it: `data` and `signature` of ACK, policy and trust code.
//!
//! The signature covers the exact bytes of `data` (`spec/formats.md` §13). In files both are XML elements, in answers
//! they are members of an object; the text is the same.

use slpsim_agent::ElementFault;
use slpsim_policy::Wall;

use crate::error::{DecodeError, EncodeError};
use crate::message::Sealed;
use crate::sign::{SignatureBlock, Signer, Verifier};
use crate::xml::{self, Element};

/// A text with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedText {
    /// The exact text.
    pub data: Box<str>,
    /// Its signature.
    pub signature: Option<SignatureBlock>,
}

/// How a device opens what it gets.
#[derive(Debug)]
pub struct Opener<'a> {
    verifier: &'a Verifier,
    stamp: Wall,
    /// What was wrong with the things opened, one line each, for diagnostics.
    pub notes: Vec<String>,
}

impl<'a> Opener<'a> {
    /// `stamp` stands in for the issue time of what cannot be read: the answer's time stamp, or the device's clock for
    /// a file.
    #[must_use]
    pub const fn new(verifier: &'a Verifier, stamp: Wall) -> Self {
        Self { verifier, stamp, notes: Vec::new() }
    }

    pub(super) const fn stamp(&self) -> Wall {
        self.stamp
    }

    pub(super) const fn verifier(&self) -> &Verifier {
        self.verifier
    }

    /// Verifies and reads. `what` names the object in the notes.
    pub(crate) fn open<T>(
        &mut self,
        what: &str,
        text: &SealedText,
        read: impl FnOnce(&str) -> Result<(Wall, T), DecodeError>,
    ) -> Sealed<T> {
        let verified = self.verifier.verify(text.data.as_bytes(), text.signature.as_ref());
        let fault = verified.map_err(|fault| self.notes.push(format!("{what}: {fault}"))).err();
        let fault = fault.map(|()| ElementFault::Signature);
        match read(&text.data) {
            Ok((issued, object)) => Sealed { issued, fault, object: Some(object) },
            Err(error) => self.unreadable(what, &error, fault),
        }
    }

    /// Something that cannot be read.
    pub(crate) fn unreadable<T>(
        &mut self,
        what: &str,
        error: &DecodeError,
        fault: Option<ElementFault>,
    ) -> Sealed<T> {
        self.notes.push(format!("{what}: {error}"));
        Sealed { issued: self.stamp, fault: fault.or(Some(ElementFault::Unreadable)), object: None }
    }
}

/// Signs `data`, which `fault` may spoil on the way.
pub(crate) fn seal(
    data: String,
    fault: Option<ElementFault>,
    signer: &Signer,
    kind: &str,
) -> Result<SealedText, EncodeError> {
    let data = match fault {
        Some(ElementFault::Unreadable) => data.trim_end_matches('}').to_owned(),
        Some(ElementFault::Signature) | None => data,
    };
    let signature = match fault {
        // Right for another text: well-formed, and wrong.
        Some(ElementFault::Signature) => signer.sign(b"spoiled", kind)?,
        Some(ElementFault::Unreadable) | None => signer.sign(data.as_bytes(), kind)?,
    };
    Ok(SealedText { data: data.into(), signature: Some(signature) })
}

/// `<data>…</data>` and `<signature>…</signature>`.
pub(crate) fn write(out: &mut String, text: &SealedText) {
    out.push_str("<data>");
    xml::cdata(out, &text.data);
    out.push_str("</data>\n");
    if let Some(signature) = &text.signature {
        out.push_str("<signature>");
        xml::leaf(out, "type", &signature.kind);
        xml::leaf(out, "key", &signature.key);
        xml::leaf(out, "value", &signature.value);
        if let Some(certificate) = &signature.certificate {
            xml::leaf(out, "certificate", certificate);
        }
        out.push_str("</signature>");
    }
}

/// The two elements inside `element`.
pub(crate) fn read(element: &Element) -> Result<SealedText, DecodeError> {
    let data = element.needed("data")?.content().into();
    let signature = element.child("signature").map(|signature| {
        let text = |name| signature.needed(name).map(|child| child.content().into());
        Ok(SignatureBlock {
            kind: text("type")?,
            key: text("key")?,
            value: text("value")?,
            certificate: signature.child("certificate").map(|child| child.content().into()),
        })
    });
    let signature = signature.transpose().map_err(|error: DecodeError| error.within(&element.name))?;
    Ok(SealedText { data, signature })
}
