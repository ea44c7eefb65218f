//! The files of `spec/formats.md` §1.5 to §6: read by one function that goes by the elements inside, written by one
//! each.
//!
//! In answers and in the REST interface the ACK file travels as base64. Contents of ACK, policy, trust code and trust
//! request are modelled, and so is the element `certificate` in a signature (see [`crate::sign`]).

mod ack;
mod auth;
mod device;
mod import;
mod policy;
mod save;
mod sealed;
mod trust;

pub use auth::{AuthRequest, auth_file, auth_request_file};
pub use device::device_file;
pub use import::{Received, read_import};
pub use save::{SystemInfo, SystemUnit, save_file};
pub use sealed::{Opener, SealedText};
pub use trust::TrustRequest;

pub(crate) use policy::{read as read_policy, seal as seal_policy};
pub(crate) use trust::{read as read_trust, seal as seal_trust};

use crate::error::{DecodeError, EncodeError, Rule};
use crate::json::MAX_BYTES;
use crate::message::{AckObject, AuthObject, PolicyObject, Sealed, TrustObject, UsageReport};
use crate::sign::Signer;
use crate::xml::{self, Element};

const ROOT: &str = "smartLicense";
const SYSTEM_INFO: &str = "smartLicenseSystemInfo";
const REPORT: &str = "RUMReport";
const ACK: &str = "smartLicenseRumAck";
const POLICY: &str = "smartLicensePolicy";
const TRUST_CODE: &str = "smartLicenseTrustCode";
const TRUST_REQUEST: &str = "smartLicenseTrustRequest";
const AUTH_CODE: &str = "specificPLR";
const AUTH_REQUEST: &str = "smartLicenseAuthRequest";
/// Signature type of files.
const SHA256: &str = "SHA256";

/// What was found in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LicenseFile {
    /// Who saved it; bundles made by other tools lack it.
    pub system_info: Option<SystemInfo>,
    /// RUM reports.
    pub reports: Vec<UsageReport>,
    /// Acknowledgements; what stands beside them in the file is in the lists below.
    pub acks: Vec<Sealed<AckObject>>,
    /// Policies.
    pub policies: Vec<Sealed<PolicyObject>>,
    /// Trust codes.
    pub trust_codes: Vec<Sealed<TrustObject>>,
    /// Trust requests.
    pub trust_requests: Vec<TrustRequest>,
    /// Authorization codes.
    pub auth_codes: Vec<Sealed<AuthObject>>,
    /// Authorization requests and returns.
    pub auth_requests: Vec<AuthRequest>,
    /// Elements that are not known, as they came.
    pub other: Vec<Box<str>>,
}

impl LicenseFile {
    /// Reads a file. The root element may be missing, and so may the XML prolog (`spec/formats.md` §19). A signed
    /// object that is wrong does not make the file wrong: it says so itself, and `opener` notes why.
    ///
    /// # Errors
    /// Where the file is no such file, or an unsigned part of it cannot be read.
    pub fn read(bytes: &[u8], opener: &mut Opener<'_>) -> Result<Self, DecodeError> {
        let (document, elements) = xml::parse(bytes)?;
        let mut file = Self::default();
        let mut recognised = false;
        for element in &elements {
            if element.name == ROOT {
                recognised = true;
                for child in &element.children {
                    if !file.take(child, document, opener).map_err(|error| error.within(ROOT))? {
                        file.other.push(document.get(child.span.clone()).unwrap_or_default().into());
                    }
                }
            } else {
                recognised |= file.take(element, document, opener)?;
            }
        }
        if recognised { Ok(file) } else { Err(DecodeError::new(Rule::Root, "", "none")) }
    }

    /// Reads one element; false where it is not known.
    fn take(
        &mut self,
        element: &Element,
        document: &str,
        opener: &mut Opener<'_>,
    ) -> Result<bool, DecodeError> {
        let data = || element.needed("data").map(Element::content);
        let at = |error: DecodeError| error.within("data").within(&element.name);
        match element.name.as_str() {
            SYSTEM_INFO => self.system_info = Some(SystemInfo::read(data()?).map_err(at)?),
            REPORT => self.reports.push(save::read_report(element)?),
            TRUST_REQUEST => self.trust_requests.push(TrustRequest::read(data()?).map_err(at)?),
            AUTH_REQUEST => self.auth_requests.append(&mut AuthRequest::read_all(data()?).map_err(at)?),
            ACK => self.acks.push(signed(element, opener, "ACK", ack::read)),
            POLICY => self.policies.push(signed(element, opener, "policy", policy::read)),
            TRUST_CODE => self.trust_codes.push(signed(element, opener, "trust code", trust::read)),
            AUTH_CODE => self.auth_codes.push(auth::open(element, document, opener)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The first ACK, with the policy and the trust codes that stand beside it.
    #[must_use]
    pub fn into_ack(self) -> Option<Sealed<AckObject>> {
        let mut ack = self.acks.into_iter().next()?;
        if let Some(object) = &mut ack.object {
            object.policy = self.policies.into_iter().next();
            object.trust_codes = self.trust_codes;
        }
        Some(ack)
    }
}

fn signed<T>(
    element: &Element,
    opener: &mut Opener<'_>,
    what: &str,
    read: impl FnOnce(&str) -> Result<(slpsim_policy::Wall, T), DecodeError>,
) -> Sealed<T> {
    match sealed::read(element) {
        Ok(text) => opener.open(what, &text, read),
        Err(error) => opener.unreadable(what, &error, None),
    }
}

/// Writes an ACK file with what the ACK carries along.
///
/// # Errors
/// [`EncodeError::Signing`], [`EncodeError::TooLarge`].
pub fn ack_file(ack: &Sealed<AckObject>, signer: &Signer) -> Result<String, EncodeError> {
    let mut out = format!("<{ROOT}>\n<{ACK}>");
    sealed::write(&mut out, &ack::seal(ack, signer, SHA256)?);
    out.push_str(&format!("</{ACK}>\n"));
    if let Some(object) = &ack.object {
        if let Some(policy) = &object.policy {
            element(&mut out, POLICY, &policy::seal(policy, signer, SHA256)?);
        }
        for code in &object.trust_codes {
            element(&mut out, TRUST_CODE, &trust::seal(code, signer, SHA256)?);
        }
    }
    out.push_str(&format!("</{ROOT}>\n"));
    within_limit(out)
}

/// Writes a policy file; as a file of its own it has no `smartLicense` around it.
///
/// # Errors
/// [`EncodeError::Signing`], [`EncodeError::TooLarge`].
pub fn policy_file(policy: &Sealed<PolicyObject>, signer: &Signer) -> Result<String, EncodeError> {
    let mut out = String::new();
    element(&mut out, POLICY, &policy::seal(policy, signer, SHA256)?);
    within_limit(out)
}

/// Writes a trust code file.
///
/// # Errors
/// [`EncodeError::Signing`], [`EncodeError::TooLarge`].
pub fn trust_code_file(codes: &[Sealed<TrustObject>], signer: &Signer) -> Result<String, EncodeError> {
    let mut out = format!("<{ROOT}>\n");
    for code in codes {
        element(&mut out, TRUST_CODE, &trust::seal(code, signer, SHA256)?);
    }
    out.push_str(&format!("</{ROOT}>\n"));
    within_limit(out)
}

/// Writes a trust request file.
///
/// # Errors
/// [`EncodeError::TooLarge`].
pub fn trust_request_file(request: &TrustRequest) -> Result<String, EncodeError> {
    let mut out = format!("<{ROOT}><{TRUST_REQUEST}><data>");
    xml::cdata(&mut out, &request.write());
    out.push_str(&format!("</data></{TRUST_REQUEST}></{ROOT}>\n"));
    within_limit(out)
}

fn element(out: &mut String, name: &str, text: &SealedText) {
    out.push_str(&format!("<{name}>\n"));
    sealed::write(out, text);
    out.push_str(&format!("\n</{name}>\n"));
}

fn within_limit(out: String) -> Result<String, EncodeError> {
    if out.len() > MAX_BYTES { Err(EncodeError::TooLarge(out.len())) } else { Ok(out) }
}

#[cfg(test)]
mod tests;
