//! Trust code and trust request (`spec/formats.md` §5). The contents of `data` are modelled.

use slpsim_agent::{IdCert, Token, TrustCode, Udi};
use slpsim_policy::Wall;

use super::policy::{read_account, write_account};
use super::{SealedText, sealed};
use crate::error::{DecodeError, EncodeError, Rule};
use crate::json::{Field, Object, Writer, parse_object};
use crate::message::{Nonce, Sealed, TrustObject, Word};
use crate::rum::sudi;
use crate::sign::{CertError, Certificate, Signer};

/// Writes and signs `data` of a trust code.
pub(crate) fn seal(
    code: &Sealed<TrustObject>,
    signer: &Signer,
    kind: &str,
) -> Result<SealedText, EncodeError> {
    let data = code.object.as_ref().map_or_else(String::new, |object| write(code.issued, object));
    sealed::seal(data, code.fault, signer, kind)
}

fn write(issued: Wall, object: &TrustObject) -> String {
    Writer::object(|w| {
        w.udi("sudi", &object.code.udi);
        w.number("trust_id", object.code.trust_id);
        w.plain("product_instance_identifier", object.code.identity.instance);
        w.text_or_null("id_cert", object.id_cert.as_deref());
        w.text_or_null("sub_ca", object.sub_ca.as_deref());
        w.number("valid_from", object.valid_from.0);
        w.number("valid_to", object.code.valid_to.0);
        write_account(w, object.account.as_ref());
        if let Some(nonce) = &object.nonce {
            w.text("nonce", &nonce.to_string());
        }
        w.number("timestamp", issued.0);
    })
}

/// Reads `data` of a trust code. The serial number of the identity is that of the ID certificate.
pub(crate) fn read(data: &str) -> Result<(Wall, TrustObject), DecodeError> {
    let map = parse_object(data)?;
    let object = Object(&map);
    let instance = object.field("product_instance_identifier").uuid()?;
    let id_cert = object.field("id_cert").text()?;
    let serial = Certificate::from_pem(id_cert)
        .and_then(|certificate| certificate.serial.ok_or(CertError::Serial))
        .map_err(|error| DecodeError::new(Rule::Pem, "id_cert", format!("something else: {error}")))?;
    let nonce = object.field("nonce").optional().map(Field::text).transpose()?;
    let code = TrustCode {
        udi: object.field("sudi").object_with(sudi)?,
        trust_id: object.field("trust_id").number()?,
        identity: IdCert { instance, serial },
        valid_to: object.field("valid_to").millis()?,
    };
    let trust = TrustObject {
        code,
        valid_from: object.field("valid_from").millis()?,
        id_cert: Some(id_cert.into()),
        sub_ca: object.field("sub_ca").optional().map(Field::text).transpose()?.map(Into::into),
        nonce: nonce.map(Nonce::parse),
        account: read_account(object)?,
    };
    Ok((object.field("timestamp").millis()?, trust))
}

/// A trust request as a file, for a device without connection. It may hold an id token; whoever uploads it to an account
/// stands for one that is missing (modelled).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRequest {
    /// Who asks.
    pub udi: Udi,
    /// Absent with `license smart privacy hostname`.
    pub hostname: Option<Box<str>>,
    /// Software tag.
    pub software_tag: Word,
    /// Certificate request, PEM.
    pub csr: Box<str>,
    /// The operator's token, where there is one; a secret.
    pub token: Option<Token>,
    /// A new trust code although one exists.
    pub force: bool,
    /// To be repeated by the trust code.
    pub nonce: Nonce,
    /// The device's clock.
    pub timestamp: Wall,
}

impl TrustRequest {
    pub(super) fn write(&self) -> String {
        Writer::object(|w| {
            w.udi("sudi", &self.udi);
            if let Some(hostname) = &self.hostname {
                w.text("hostname", hostname);
            }
            w.text("software_tag_identifier", &self.software_tag);
            w.text("csr", &self.csr);
            if let Some(token) = &self.token {
                w.text("id_token", token.expose());
            }
            w.flag("force", self.force);
            w.text("nonce", &self.nonce.to_string());
            w.number("timestamp", self.timestamp.0);
        })
    }

    pub(super) fn read(data: &str) -> Result<Self, DecodeError> {
        let map = parse_object(data)?;
        let object = Object(&map);
        let token = object.field("id_token").optional();
        let token = token.map(|token| Token::new(token.text()?).map_err(|_| token.wrong(Rule::Token)));
        Ok(Self {
            udi: object.field("sudi").object_with(sudi)?,
            hostname: object.field("hostname").optional().map(Field::text).transpose()?.map(Into::into),
            software_tag: Word::Owned(object.field("software_tag_identifier").text()?.to_owned()),
            csr: object.field("csr").text()?.into(),
            token: token.transpose()?,
            force: object.field("force").optional().map(Field::flag).transpose()?.unwrap_or(false),
            nonce: Nonce::parse(object.field("nonce").text()?),
            timestamp: object.field("timestamp").millis()?,
        })
    }
}
