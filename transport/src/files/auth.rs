//! Authorization codes and requests (`spec/formats.md` §6, profile `mds9000`).

use serde_json::Value;
use slpsim_agent::{ElementFault, InstanceId, Udi};
use slpsim_policy::Wall;

use super::Opener;
use super::save::{SystemInfo, system_info};
use crate::error::{DecodeError, EncodeError, Rule};
use crate::json::{Field, Object, Writer, parse};
use crate::message::{AuthEntry, AuthObject, Sealed, Word};
use crate::rum::{MAX_ENTRIES, sudi};
use crate::sign::{SignatureBlock, Signer};
use crate::xml::{self, Element};

/// Writes a file with one `specificPLR` for each code. The signature is ECDSA P-256 over the exact bytes of the element
/// `authorizationCode`; the element `certificate` beside it is modelled.
///
/// # Errors
/// [`EncodeError::Signing`], [`EncodeError::TooLarge`].
pub fn auth_file(codes: &[Sealed<AuthObject>], signer: &Signer) -> Result<String, EncodeError> {
    let mut out = "<smartLicense>".to_owned();
    for code in codes {
        if let Some(object) = &code.object {
            write(&mut out, code.issued, object, code.fault, signer)?;
        }
    }
    out.push_str("</smartLicense>");
    super::within_limit(out)
}

fn write(
    out: &mut String,
    issued: Wall,
    object: &AuthObject,
    fault: Option<ElementFault>,
    signer: &Signer,
) -> Result<(), EncodeError> {
    let mut code = "<authorizationCode>".to_owned();
    xml::leaf(&mut code, "flag", &object.flag);
    xml::leaf(&mut code, "version", "C");
    xml::leaf(&mut code, "piid", &object.instance.map_or_else(String::new, |instance| instance.to_string()));
    let timestamp = match fault {
        Some(ElementFault::Unreadable) => "unreadable".to_owned(),
        Some(ElementFault::Signature) | None => issued.0.to_string(),
    };
    xml::leaf(&mut code, "timestamp", &timestamp);
    code.push_str("<entitlements>");
    for (entry, display_name) in &object.entitlements {
        code.push_str("<entitlement>");
        xml::leaf(&mut code, "tag", &entry.entitlement);
        xml::leaf(&mut code, "count", &entry.count.to_string());
        code.push_str("<startDate></startDate><endDate></endDate><licenseType>PERPETUAL</licenseType>");
        xml::leaf(&mut code, "displayName", display_name);
        xml::leaf(&mut code, "tagDescription", display_name);
        code.push_str("<subscriptionID></subscriptionID></entitlement>");
    }
    code.push_str("</entitlements></authorizationCode>");
    let signed: &[u8] = if fault == Some(ElementFault::Signature) { b"spoiled" } else { code.as_bytes() };
    let signature = signer.sign_authorization(signed)?;
    out.push_str("<specificPLR>");
    out.push_str(&code);
    xml::leaf(out, "signature", &signature.value);
    xml::leaf(out, "key", &signature.key);
    if let Some(certificate) = &signature.certificate {
        xml::leaf(out, "certificate", certificate);
    }
    xml::leaf(out, "udi", &object.udi.in_messages().to_string());
    out.push_str("</specificPLR>");
    Ok(())
}

/// Reads `specificPLR`; `document` is the text that its span points into.
pub(super) fn open(element: &Element, document: &str, opener: &mut Opener<'_>) -> Sealed<AuthObject> {
    let what = "authorization code";
    let code = match element.needed("authorizationCode") {
        Ok(code) => code,
        Err(error) => return opener.unreadable(what, &error, None),
    };
    let text = |name| element.child(name).map(|child: &Element| child.content().into());
    let signature = text("signature").map(|value| SignatureBlock {
        kind: "SHA256".into(),
        key: text("key").unwrap_or_default(),
        value,
        certificate: text("certificate"),
    });
    let bytes = document.get(code.span.clone()).unwrap_or_default().as_bytes();
    let verified = opener.verifier().verify(bytes, signature.as_ref());
    let fault = verified.map_err(|fault| opener.notes.push(format!("{what}: {fault}"))).err();
    let fault = fault.map(|()| ElementFault::Signature);
    match read(element, code) {
        Ok((issued, object)) => Sealed { issued, fault, object: Some(object) },
        Err(error) => opener.unreadable(what, &error, fault),
    }
}

fn read(element: &Element, code: &Element) -> Result<(Wall, AuthObject), DecodeError> {
    let number = |element: &Element, name| element.needed(name).and_then(decimal);
    let mut entitlements = Vec::new();
    for entitlement in &code.needed("entitlements")?.children {
        let count = number(entitlement, "count")?;
        let count = u32::try_from(count)
            .map_err(|_| DecodeError::new(Rule::Decimal, "count", "a number too large"))?;
        let tag = Word::Owned(entitlement.needed("tag")?.content().to_owned());
        let display = entitlement.child("displayName").map_or("", Element::content);
        entitlements.push((AuthEntry { entitlement: tag, count }, Word::Owned(display.to_owned())));
    }
    let object = AuthObject {
        udi: read_udi(element.needed("udi")?.content())?,
        instance: code.child("piid").and_then(|piid| InstanceId::parse(piid.content())),
        flag: Word::Owned(code.child("flag").map_or("", Element::content).to_owned()),
        entitlements,
    };
    Ok((Wall(number(code, "timestamp")?), object))
}

fn decimal(element: &Element) -> Result<i64, DecodeError> {
    element.content().parse().map_err(|_| DecodeError::new(Rule::Decimal, &element.name, "something else"))
}

/// `P:<pid>,S:<serial>[,U:<uuid>]` (`spec/messages.md` §4).
fn read_udi(text: &str) -> Result<Udi, DecodeError> {
    let parts = text.strip_prefix("P:").and_then(|rest| rest.split_once(",S:"));
    let udi = parts.and_then(|(pid, rest)| Udi::new(pid, rest.split(",U:").next().unwrap_or_default()).ok());
    udi.ok_or_else(|| DecodeError::new(Rule::Udi, "udi", "something else"))
}

/// One entry of `smartLicenseAuthRequest`: a request for codes, or the return of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthRequest {
    /// Who asks.
    pub udi: Udi,
    /// What for; empty for a return.
    pub keys: Vec<AuthEntry>,
    /// Code that confirms an installation.
    pub confirm_code: Option<Box<str>>,
    /// Code that confirms a removal.
    pub remove_code: Option<Box<str>>,
}

/// Writes an authorization request file.
///
/// # Errors
/// [`EncodeError::TooLarge`].
pub fn auth_request_file(info: &SystemInfo, requests: &[AuthRequest]) -> Result<String, EncodeError> {
    let list = Writer::bare_list(|w| requests.iter().for_each(|request| w.entry(|w| request.write(w))));
    let mut out = "<smartLicense>\n".to_owned();
    system_info(&mut out, info);
    out.push_str("<smartLicenseAuthRequest><data>");
    xml::cdata(&mut out, &list);
    out.push_str("</data></smartLicenseAuthRequest>\n</smartLicense>\n");
    super::within_limit(out)
}

impl AuthRequest {
    fn write(&self, w: &mut Writer) {
        w.udi("sudi", &self.udi);
        w.list("keys", |w| {
            for key in &self.keys {
                w.entry(|w| {
                    w.text("entitlement", &key.entitlement);
                    w.plain("count", key.count);
                });
            }
        });
        w.text_or_null("confirm_code", self.confirm_code.as_deref());
        w.text_or_null("remove_code", self.remove_code.as_deref());
    }

    /// Reads the list in `data`.
    pub(super) fn read_all(data: &str) -> Result<Vec<Self>, DecodeError> {
        let list: Value = parse(data.as_bytes())?;
        Field::entry("", &list).each(MAX_ENTRIES, |entry| Self::read(entry.object()?))
    }

    fn read(object: Object<'_>) -> Result<Self, DecodeError> {
        let code = |name| object.field(name).optional().map(Field::text).transpose();
        Ok(Self {
            udi: object.field("sudi").object_with(sudi)?,
            keys: object.field("keys").each(MAX_ENTRIES, |key| {
                let key = key.object()?;
                let entitlement = Word::Owned(key.field("entitlement").text()?.to_owned());
                Ok(AuthEntry { entitlement, count: key.field("count").decimal()? })
            })?,
            confirm_code: code("confirm_code")?.map(Into::into),
            remove_code: code("remove_code")?.map(Into::into),
        })
    }
}
