//! What stands before the tag, form by form (`spec/logs.md` §1 to §5).

use std::borrow::Cow;

use serde::Deserialize;
use slpsim_agent::messages::Row;

use super::body::{self, Column, Misfit};
use super::cursor::Cursor;
use super::{Named, Read, ReadError, Said, When};
use crate::form::{Form, message_id};
use crate::line::Repeated;

const NXOS: Column = |row: &'static Row| &row.nxos;
const IOS_XE: Column = |row: &'static Row| &row.ios_xe.shape;
const IOS_XR: Column = |row: &'static Row| &row.ios_xr.shape;

/// What a header says, before the tag.
pub(super) struct Header<'a> {
    form: Form,
    pri: Option<u8>,
    pub(super) device: Option<Cow<'a, str>>,
    /// JSON alone.
    address: Option<Cow<'a, str>>,
    sequence: Option<u64>,
    when: When<'a>,
    /// RFC 5424 alone: APP-NAME, MSGID, STRUCTURED-DATA.
    fields: Option<[&'a str; 3]>,
    /// JSON alone.
    repeated: Option<u32>,
}

/// The header, and tag and text behind it.
type Head<'a> = Result<(Header<'a>, Cow<'a, str>), ReadError>;

impl<'a> Header<'a> {
    fn new(form: Form, pri: Option<u8>, device: Option<&'a str>, when: When<'a>) -> Self {
        let device = device.map(Cow::Borrowed);
        Self { form, pri, device, address: None, sequence: None, when, fields: None, repeated: None }
    }

    fn numbered(self, sequence: u64) -> Self {
        Self { sequence: Some(sequence), ..self }
    }
}

pub(super) fn read(text: &str) -> Result<Read<'_>, ReadError> {
    let (header, text) = head(text)?;
    said(header, text)
}

/// What stands before the tag, whatever the tag says.
pub(super) fn head(text: &str) -> Head<'_> {
    match text.as_bytes().first() {
        Some(b'<') => with_pri(text),
        Some(b'{') => json(text),
        Some(b'0'..=b'9') => local(text),
        Some(b'*' | b'.' | b'A'..=b'Z') => {
            let mut from = Cursor(text);
            // As a server writes what it relays into its file: without PRI.
            match rfc3164(None, from) {
                Err(ReadError::Missing { .. }) => {}
                relayed => return relayed,
            }
            let when = ios_when(&mut from, Form::IosXe)?;
            Ok((Header::new(Form::IosXe, None, None, when), from.0.into()))
        }
        _ => Err(ReadError::NoForm),
    }
}

fn missing(what: &'static str, form: Form) -> ReadError {
    ReadError::Missing { what, form: form.word() }
}

fn with_pri(text: &str) -> Head<'_> {
    let mut from = Cursor(text);
    from.literal("<").ok_or(ReadError::NoForm)?;
    let pri = from.number().and_then(|pri| u8::try_from(pri).ok()).filter(|pri| *pri <= 191);
    let pri = pri.filter(|_| from.literal(">").is_some()).ok_or(ReadError::Pri)?;
    let mut ahead = from;
    if ahead.literal("1 ").is_some() && When::iso(&mut Cursor(ahead.0)).is_some() {
        return rfc5424(pri, ahead);
    }
    if When::without_year(&mut Cursor(from.0)).is_some() {
        return rfc3164(Some(pri), from);
    }
    let mut ahead = from;
    let sequence = ahead.number().filter(|_| ahead.literal(": ").is_some());
    // An origin of digits alone looks like a sequence number, but NX-OS has a year behind it, and IOS has not.
    match sequence {
        Some(sequence) if When::nxos(&mut Cursor(ahead.0)).is_none() => ios(pri, sequence, ahead),
        Some(_) | None => nxos(pri, from),
    }
}

/// `ORIGIN: 2026 Mar  2 10:00:00 UTC: TEXT`
fn nxos(pri: u8, mut from: Cursor<'_>) -> Head<'_> {
    let form = Form::Nxos;
    let origin = from.until(": ").filter(|origin| !origin.contains(' '));
    let origin = origin.ok_or_else(|| missing("colon and blank behind the origin", form))?;
    let when =
        When::nxos(&mut from).ok_or_else(|| missing("time stamp such as `2026 Mar  2 10:00:00`", form))?;
    let when = zoned(&mut from, when, form)?;
    let device = Some(origin).filter(|origin| !origin.is_empty());
    Ok((Header::new(form, Some(pri), device, when), from.0.into()))
}

/// ` UTC: `
fn zoned<'a>(from: &mut Cursor<'a>, when: When<'a>, form: Form) -> Result<When<'a>, ReadError> {
    let zone = from.literal(" ").and_then(|()| from.until(": ")).filter(|zone| !zone.contains(' '));
    let zone = zone.ok_or_else(|| missing("time zone and colon behind the time", form))?;
    Ok(When { zone: Named::Abbreviation(zone), ..when })
}

/// `2026 Mar  2 10:00:00 HOST [%$ VDC-1 %$ ]TEXT`
fn local(text: &str) -> Head<'_> {
    let mut from = Cursor(text);
    let when = When::nxos(&mut from)
        .ok_or_else(|| missing("time stamp such as `2026 Mar  2 10:00:00`", Form::Logfile))?;
    let host = from.literal(" ").and_then(|()| from.until(" "));
    let host = host.ok_or_else(|| missing("host name behind the time", Form::Logfile))?;
    let mut ahead = from;
    let form = match ahead.literal("%$ VDC-").and_then(|()| ahead.until(" %$ ")) {
        Some(_) => Form::Console,
        None => Form::Logfile,
    };
    if form == Form::Console {
        from = ahead;
    }
    let device = Some(host).filter(|host| !host.is_empty());
    Ok((Header::new(form, None, device, when), from.0.into()))
}

/// `Mar  2 10:00:00 HOST : 2026 Mar  2 10:00:00 UTC: TEXT`
fn rfc3164(pri: Option<u8>, mut from: Cursor<'_>) -> Head<'_> {
    let form = Form::Rfc3164;
    When::without_year(&mut from).ok_or_else(|| missing("time stamp", form))?;
    let host = from.literal(" ").and_then(|()| from.until(" : "));
    let host = host.filter(|host| !host.contains(' ')).ok_or_else(|| missing("host name and colon", form))?;
    let when = When::nxos(&mut from).ok_or_else(|| missing("the device's own time stamp", form))?;
    let when = zoned(&mut from, when, form)?;
    let device = Some(host).filter(|host| *host != "-");
    Ok((Header::new(form, pri, device, when), from.0.into()))
}

/// `1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA TEXT`
fn rfc5424(pri: u8, mut from: Cursor<'_>) -> Head<'_> {
    let form = Form::Rfc5424;
    let when = When::iso(&mut from).ok_or_else(|| missing("time stamp", form))?;
    from.literal(" ").ok_or_else(|| missing("blank behind the time", form))?;
    let mut field = |what| from.until(" ").ok_or_else(|| missing(what, form));
    let (host, app, _process) = (field("HOSTNAME")?, field("APP-NAME")?, field("PROCID")?);
    let (id, data) = (field("MSGID")?, field("STRUCTURED-DATA")?);
    let device = Some(host).filter(|host| *host != "-");
    let header = Header::new(form, Some(pri), device, when);
    Ok((Header { fields: Some([app, id, data]), ..header }, from.0.into()))
}

/// `[ORIGIN: ][SEQ2: ][*|.]Mar  2 10:00:00.123 UTC: TEXT`, or
/// `[HOST ]RP/0/RP0/CPU0:Mar  2 10:00:00.123 UTC: smartlicserver[PID]: TEXT`
fn ios(pri: u8, sequence: u64, mut from: Cursor<'_>) -> Head<'_> {
    if let Some((host, rest)) = from.0.split_once("RP/").filter(|(host, _)| is_xr_host(host)) {
        let (form, mut from) = (Form::IosXr, Cursor(rest));
        from.until(":").ok_or_else(|| missing("place of the process, such as RP/0/RP0/CPU0:", form))?;
        let when = ios_when(&mut from, form)?;
        let process = from.until(": ").filter(|process| process.ends_with(']'));
        process.ok_or_else(|| missing("process such as smartlicserver[390]:", form))?;
        let device = host.strip_suffix(' ');
        return Ok((Header::new(form, Some(pri), device, when).numbered(sequence), from.0.into()));
    }
    let form = Form::IosXe;
    let mut device = None;
    for _ in 0..2 {
        if ios_when(&mut Cursor(from.0), form).is_ok() {
            break;
        }
        let field = from.until(": ").filter(|field| !field.contains(' '));
        let field = field.ok_or_else(|| missing("time stamp", form))?;
        // SEQ2 of `service sequence-numbers` stands behind the origin.
        let is_number = field.bytes().all(|byte| byte.is_ascii_digit());
        device = device.or(Some(field).filter(|_| !is_number));
    }
    let when = ios_when(&mut from, form)?;
    Ok((Header::new(form, Some(pri), device, when).numbered(sequence), from.0.into()))
}

fn is_xr_host(host: &str) -> bool {
    host.is_empty() || host.strip_suffix(' ').is_some_and(|host| !host.is_empty() && !host.contains(' '))
}

/// `[*|.]Mar  2 [2026 ]10:00:00.123[ UTC]: `; `*` says that the clock was never set, `.` that it lost its source.
fn ios_when<'a>(from: &mut Cursor<'a>, form: Form) -> Result<When<'a>, ReadError> {
    let _ = from.literal("*").or_else(|| from.literal("."));
    let when = When::without_year(from).ok_or_else(|| missing("time stamp", form))?;
    if from.literal(": ").is_some() {
        return Ok(when);
    }
    zoned(from, when, form)
}

/// What the line says behind its header, and whether both agree.
fn said<'a>(header: Header<'a>, text: Cow<'a, str>) -> Result<Read<'a>, ReadError> {
    let column = match header.form {
        Form::IosXe => IOS_XE,
        Form::IosXr => IOS_XR,
        Form::Nxos | Form::Logfile | Form::Console | Form::Rfc3164 | Form::Rfc5424 | Form::Json => NXOS,
    };
    if header.fields.is_some_and(|[.., data]| data != "-") {
        return Err(missing("`-` for STRUCTURED-DATA", header.form));
    }
    let (said, repeated, severity) = body::read(&text, column)?;
    if let Some((pri, of_tag)) = header.pri.zip(severity)
        && pri % 8 != of_tag
        && !matches!(said, Said::Other)
    {
        return Err(Misfit::Pri { pri, of_pri: pri % 8, of_tag }.into());
    }
    if let Some(([app, id, _], Said::Message(message))) = header.fields.zip(Some(&said)) {
        let shape = &message.row().nxos;
        for (name, found, expected) in
            [("APP-NAME", app, shape.facility), ("MSGID", id, message_id(shape.mnemonic))]
        {
            // The minimal variant has neither (`spec/logs.md` §5).
            if found != expected && found != "-" {
                let (found, expected) = (found.into(), expected.into());
                return Err(Misfit::Field { field: name, found, expected }.into());
            }
        }
    }
    let repeated = header.repeated.map_or(repeated, Repeated::Suffix);
    let Header { form, pri, device, address, sequence, when, .. } = header;
    Ok(Read { form, pri, device, address, sequence, when, text, said, repeated })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonLine<'a> {
    #[serde(borrow)]
    time: &'a str,
    #[serde(borrow, default)]
    host: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    address: Option<Cow<'a, str>>,
    #[serde(borrow)]
    facility: &'a str,
    severity: u8,
    #[serde(borrow)]
    mnemonic: &'a str,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(default)]
    repeated: Option<u32>,
}

fn json(text: &str) -> Head<'_> {
    let line: JsonLine<'_> =
        serde_json::from_str(text).map_err(|error| ReadError::Json(error.to_string()))?;
    let mut time = Cursor(line.time);
    let when = When::iso(&mut time).filter(|_| time.0.is_empty());
    let when = when.ok_or_else(|| missing("time such as 2026-03-02T10:00:00.000Z", Form::Json))?;
    let tagged = format!("%{}-{}-{}: {}", line.facility, line.severity, line.mnemonic, line.text);
    let JsonLine { host: device, address, repeated, .. } = line;
    let header = Header::new(Form::Json, None, None, when);
    Ok((Header { device, address, repeated, ..header }, tagged.into()))
}

/// The device of a JSON line that is damaged elsewhere.
pub(super) fn json_host(text: &str) -> Option<&str> {
    let (_, rest) = text.strip_prefix('{')?.split_once("\"host\":\"")?;
    rest.split_once('"').map(|(host, _)| host)
}
