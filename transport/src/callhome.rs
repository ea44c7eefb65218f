//! The envelope of Call Home around a smart message, both directions (`spec/formats.md` §9).
//!
//! Block type, layout of the attachment and the reply are modelled. Prefixes of names are read as any: XML lets every
//! writer choose its own.

#[cfg(feature = "client")]
mod format;

#[cfg(feature = "client")]
pub use format::CallhomeFormat;

use std::fmt::{self, Write as _};

use slpsim_agent::Udi;
use slpsim_policy::Wall;
use time::OffsetDateTime;

use crate::error::{DecodeError, EncodeError, Rule};
use crate::json::MAX_BYTES;
use crate::profile::WireProfile;
use crate::xml::{self, Element};

/// Most attachments that are looked through for the one of licensing; Call Home itself sends a handful.
pub const MAX_ATTACHMENTS: usize = 20;
/// Longest identifier of a message or group.
const MAX_ID: usize = 256;
const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
const SESSION: &str = "http://www.cisco.com/2004/01/aml-session";
const BLOCK: &str = "http://www.cisco.com/2004/01/aml-block";

/// What an envelope says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The device: its serial number is in the identifiers, its product id is the builder.
    pub udi: Udi,
    /// Counts the messages of the device, from 1.
    pub number: u32,
    /// When the message was made.
    pub created: Wall,
}

impl Dispatch {
    /// `M1:FDO00000001:69A56018`
    #[must_use]
    pub fn message_id(&self) -> DispatchId {
        self.id('M')
    }

    /// `G1:FDO00000001:69A56018`
    #[must_use]
    pub fn group_id(&self) -> DispatchId {
        self.id('G')
    }

    fn id(&self, kind: char) -> DispatchId {
        let secs = self.created.0.div_euclid(1000);
        DispatchId { kind, number: self.number, serial: self.udi.serial.as_str().to_owned(), secs }
    }
}

/// `MessageId` or `GroupId`: letter, number, serial number of the device, Unix seconds in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchId {
    /// `M` for a message, `G` for a group.
    pub kind: char,
    /// Counts the messages of the device.
    pub number: u32,
    /// Serial number of the device.
    pub serial: String,
    /// When the message was made, in seconds since 1970; what lies before is written as 0.
    pub secs: i64,
}

impl DispatchId {
    /// Reads an identifier of the given kind.
    ///
    /// # Errors
    /// Where it has another form.
    fn parse(kind: char, text: &str) -> Result<Self, DecodeError> {
        let read = || {
            let (number, rest) = text.strip_prefix(kind)?.split_once(':')?;
            let (serial, secs) = rest.rsplit_once(':')?;
            let digits = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
            if serial.is_empty() || !digits(number, 10) || !digits(secs, 16) {
                return None;
            }
            let (number, secs) = (number.parse().ok()?, i64::from_str_radix(secs, 16).ok()?);
            Some(Self { kind, number, serial: serial.to_owned(), secs })
        };
        let short = text.len() <= MAX_ID;
        short.then(read).flatten().ok_or_else(|| DecodeError::new(Rule::Word, "", "another form"))
    }
}

impl fmt::Display for DispatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:{}:{:X}", self.kind, self.number, self.serial, self.secs.max(0))
    }
}

/// An envelope that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `MessageId`.
    pub message_id: DispatchId,
    /// `GroupId`.
    pub group_id: DispatchId,
    /// The smart message inside. May hold an id token.
    pub message: String,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("message_id", &self.message_id)
            .field("group_id", &self.group_id)
            .field("message_bytes", &self.message.len())
            .finish()
    }
}

/// Wraps the smart message of a device.
///
/// # Errors
/// [`EncodeError::TooLarge`]: above the message size of the profile, 5,000,000 bytes.
pub fn encode_callhome_request(
    dispatch: &Dispatch,
    message: &str,
    profile: &WireProfile,
) -> Result<String, EncodeError> {
    encode(dispatch, &profile.callhome.data, message, profile)
}

/// Wraps the smart message of an answer.
///
/// # Errors
/// As [`encode_callhome_request`].
pub fn encode_callhome_response(
    dispatch: &Dispatch,
    message: &str,
    profile: &WireProfile,
) -> Result<String, EncodeError> {
    encode(dispatch, &profile.callhome.response, message, profile)
}

/// Unwraps what a device sent.
///
/// # Errors
/// Names the part that is missing or wrong; the device is to blame.
pub fn decode_callhome_request(bytes: &[u8], profile: &WireProfile) -> Result<Delivery, DecodeError> {
    decode(bytes, &profile.callhome.data)
}

/// Unwraps an answer.
///
/// # Errors
/// Names the part that is missing or wrong; the server is to blame.
pub fn decode_callhome_response(bytes: &[u8], profile: &WireProfile) -> Result<Delivery, DecodeError> {
    decode(bytes, &profile.callhome.response)
}

fn encode(
    dispatch: &Dispatch,
    attachment: &str,
    message: &str,
    profile: &WireProfile,
) -> Result<String, EncodeError> {
    let words = &profile.callhome;
    let mut out = String::with_capacity(message.len() + 2048);
    let open = format_args!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soap-env:Envelope xmlns:soap-env=\"{SOAP}\">\n\
         <soap-env:Header>\n<aml-session:Session xmlns:aml-session=\"{SESSION}\" \
         soap-env:mustUnderstand=\"true\" soap-env:role=\"{SOAP}/role/next\">\n"
    );
    append(&mut out, open);
    line(&mut out, "aml-session:To", &words.to);
    out.push_str("<aml-session:Path>");
    xml::leaf(&mut out, "aml-session:Via", &words.from);
    out.push_str("</aml-session:Path>\n");
    line(&mut out, "aml-session:From", &words.from);
    line(&mut out, "aml-session:MessageId", &dispatch.message_id().to_string());
    let body = format_args!(
        "</aml-session:Session>\n</soap-env:Header>\n<soap-env:Body>\n\
         <aml-block:Block xmlns:aml-block=\"{BLOCK}\">\n<aml-block:Header>\n"
    );
    append(&mut out, body);
    line(&mut out, "aml-block:Type", &words.block_type);
    line(&mut out, "aml-block:CreationDate", &date(dispatch.created));
    out.push_str("<aml-block:Builder>");
    xml::leaf(&mut out, "aml-block:Name", dispatch.udi.pid.as_str());
    xml::leaf(&mut out, "aml-block:Version", &words.builder_version);
    out.push_str("</aml-block:Builder>\n<aml-block:BlockGroup>");
    xml::leaf(&mut out, "aml-block:GroupId", &dispatch.group_id().to_string());
    out.push_str("<aml-block:Number>0</aml-block:Number><aml-block:IsLast>true</aml-block:IsLast>");
    out.push_str("</aml-block:BlockGroup>\n</aml-block:Header>\n<aml-block:Attachments>");
    out.push_str("<aml-block:Attachment type=\"inline\">");
    xml::leaf(&mut out, "aml-block:Name", attachment);
    out.push_str("<aml-block:Data encoding=\"plain\">");
    xml::cdata(&mut out, message);
    out.push_str("</aml-block:Data></aml-block:Attachment></aml-block:Attachments>\n");
    out.push_str("</aml-block:Block>\n</soap-env:Body>\n</soap-env:Envelope>\n");
    if out.len() > MAX_BYTES { Err(EncodeError::TooLarge(out.len())) } else { Ok(out) }
}

fn append(out: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

fn line(out: &mut String, name: &str, text: &str) {
    xml::leaf(out, name, text);
    out.push('\n');
}

/// `2026-03-02 10:02:00 GMT+00:00`; a time that no calendar has stands as the one of 1970.
fn date(wall: Wall) -> String {
    let at =
        OffsetDateTime::from_unix_timestamp(wall.0.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02} GMT+00:00",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

fn decode(bytes: &[u8], attachment: &str) -> Result<Delivery, DecodeError> {
    let (_, roots) = xml::parse(bytes)?;
    let [envelope] = roots.as_slice() else {
        return Err(DecodeError::new(Rule::Root, "", format!("{} elements", roots.len())));
    };
    if envelope.local_name() != "Envelope" {
        return Err(DecodeError::new(Rule::Root, "", "no Envelope"));
    }
    let read = || {
        let session = envelope.needed_local("Header")?.needed_local("Session")?;
        let block = envelope.needed_local("Body")?.needed_local("Block")?;
        let group = block.needed_local("Header")?.needed_local("BlockGroup")?;
        let whole = group.needed_local("Number")?.content() == "0"
            && group.needed_local("IsLast")?.content() == "true";
        if !whole {
            return Err(DecodeError::new(Rule::Word, "BlockGroup", "a part of a divided message"));
        }
        Ok(Delivery {
            message_id: id('M', session.needed_local("MessageId")?)?,
            group_id: id('G', group.needed_local("GroupId")?)?,
            message: attached(block.needed_local("Attachments")?, attachment)?,
        })
    };
    read().map_err(|error: DecodeError| error.within("Envelope"))
}

fn id(kind: char, element: &Element) -> Result<DispatchId, DecodeError> {
    DispatchId::parse(kind, element.content()).map_err(|error| error.within(element.local_name()))
}

/// The data of the attachment of that name.
fn attached(attachments: &Element, name: &str) -> Result<String, DecodeError> {
    if attachments.children.len() > MAX_ATTACHMENTS {
        return Err(DecodeError::new(Rule::Count, "Attachments", attachments.children.len().to_string()));
    }
    for attachment in attachments.children.iter().filter(|child| child.local_name() == "Attachment") {
        if attachment.needed_local("Name")?.content() == name {
            return Ok(attachment.needed_local("Data")?.content().to_owned());
        }
    }
    Err(DecodeError::new(Rule::Present, "Attachments", format!("no attachment {name}")))
}

#[cfg(test)]
mod tests;
