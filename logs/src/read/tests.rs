//! What is formatted is read back, for every form and every message.

use proptest::prelude::*;
use slpsim_agent::{Failure, Message, Peer, PolicyError, Spelling, TrustError, Udi};
use slpsim_policy::Wall;

use super::*;
use crate::form::{Options, Origin, Precision};
use crate::formatter::Formatter;
use crate::line::Line;
use crate::pri::Facility;
use crate::zone::Zone;

const ZONES: [&str; 6] =
    ["UTC", "Europe/Zurich", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "NST -3 30"];

fn messages() -> impl Strategy<Value = Message> {
    let udis = || {
        ("[A-Z0-9][A-Z0-9-]{0,22}", "[A-Z0-9]{1,15}")
            .prop_map(|(pid, serial)| Udi::new(&pid, &serial).unwrap())
    };
    let peers = || prop::sample::select(&Peer::ALL[..]);
    let errors = || prop::sample::select(&PolicyError::ALL[..]);
    let status = (100_u16..=999).prop_filter("reads as Proxy", |status| *status != 407);
    let failures = prop_oneof![prop::sample::select(&Failure::ALL[..]), status.prop_map(Failure::HttpStatus)];
    let refusals = prop_oneof![
        prop::sample::select(&TrustError::KNOWN[..]),
        "\\PC{0,80}".prop_map(|text| TrustError::from_text(&text))
    ];
    prop_oneof![
        errors().prop_map(|error| Message::PolicyInstallFailed { error }),
        (udis(), errors()).prop_map(|(udi, error)| Message::AuthorizationInstallFailed { udi, error }),
        (peers(), failures).prop_map(|(peer, failure)| Message::CommFailed { peer, failure }),
        peers().prop_map(|peer| Message::CommRestored { peer }),
        Just(Message::PolicyRemoved),
        (udis(), refusals).prop_map(|(udi, error)| Message::TrustCodeInstallFailed { udi, error }),
        Just(Message::ReportingNotSupported),
        Just(Message::PolicyInstallSuccess),
        udis().prop_map(|udi| Message::AuthorizationInstallSuccess { udi }),
        udis().prop_map(|udi| Message::AuthorizationRemoved { udi }),
        any::<u32>().prop_map(|days| Message::ReportingRequired { days }),
        udis().prop_map(|udi| Message::TrustCodeInstallSuccess { udi }),
    ]
}

fn options() -> impl Strategy<Value = Options> {
    let origin = prop_oneof![
        Just(Origin::None),
        Just(Origin::Hostname),
        Just(Origin::Ip),
        "[a-zA-Z][a-zA-Z0-9._-]{0,20}".prop_map(|text| Origin::Text(text.into())),
    ];
    let (precision, facility) =
        (prop::sample::select(&Precision::ALL[..]), prop::sample::select(&Facility::ALL[..]));
    let spelling = prop::sample::select(&[Spelling::Device, Spelling::Chapter][..]);
    (prop::sample::select(&Form::ALL[..]), origin, precision, facility, spelling).prop_map(
        |(form, origin, precision, facility, spelling)| Options {
            form,
            origin,
            precision,
            facility,
            spelling,
            max_bytes: None,
        },
    )
}

/// Who the line is from, as its form prints it.
fn printed(options: &Options, line: &Line<'_>) -> Option<String> {
    let name = match options.form {
        Form::Logfile | Form::Console | Form::Json => line.host,
        Form::Rfc3164 | Form::Rfc5424 => line.host.or(line.address),
        Form::Nxos | Form::IosXe | Form::IosXr => match &options.origin {
            Origin::None => None,
            Origin::Hostname => line.host,
            Origin::Ip => line.address,
            Origin::Text(text) => Some(&**text),
        },
    };
    name.map(str::to_owned)
}

/// The precision that a form keeps.
fn kept(options: &Options) -> Precision {
    match options.form {
        Form::IosXr | Form::Json => Precision::Milliseconds,
        Form::Nxos | Form::Logfile | Form::Console | Form::Rfc3164 | Form::Rfc5424 | Form::IosXe => {
            options.precision
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_formatted_is_read_back(
        message in messages(),
        options in options(),
        at in 0_i64..4_000_000_000_000,
        zone in prop::sample::select(&ZONES[..]),
        host in prop::option::of("[a-z][a-z0-9.-]{0,30}"),
        address in prop::option::of("192\\.0\\.2\\.[1-9]"),
        sequence in 0_u64..10_000_000,
        repeats in 0_u32..4,
        suffix in any::<bool>(),
    ) {
        let zone: Zone = zone.parse().unwrap();
        let repeated = match (repeats, suffix) {
            (0, _) => Repeated::No,
            (count, true) => Repeated::Suffix(count),
            (count, false) => Repeated::Line(count),
        };
        let line = Line {
            at: Wall(at), zone, host: host.as_deref(), address: address.as_deref(), sequence, message: &message, repeated,
        };
        let bytes = Formatter::new(options.clone()).format(&line).to_vec();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let read = read(&bytes).map_err(|error| TestCaseError::fail(format!("{error}: {shown}")))?;

        prop_assert_eq!(read.form, options.form, "{}", shown);
        prop_assert_eq!(read.device.as_deref().map(str::to_owned), printed(&options, &line), "{}", shown);
        let year = zone.at(at / 1000, |offset, _| {
            use chrono::Datelike;
            chrono::DateTime::from_timestamp(at / 1000 + i64::from(offset), 0).unwrap().year()
        });
        let millis = if kept(&options) == Precision::Seconds { at - at % 1000 } else { at };
        let wall = read.when.wall(zone, Some(year));
        // Without an abbreviation, the second of autumn's two hours looks like the first.
        let first = wall.is_some_and(|wall| (0..=3_600_000).contains(&Wall(millis).since(wall)));
        let exact = wall == Some(Wall(millis));
        prop_assert!(exact || (read.when.zone == Named::No && first), "{:?} {}", wall, shown);

        let in_line = matches!(repeated, Repeated::Line(_)) && options.form != Form::Json;
        if in_line {
            prop_assert_eq!((&read.said, read.repeated), (&Said::Repeat, repeated));
        } else {
            // IOS-XR names no peer when communications are restored: `Cisco licensing cloud` reads as CSSM.
            let expected = match (&message, options.form) {
                (Message::CommRestored { .. }, Form::IosXr) => Message::CommRestored { peer: Peer::Cssm },
                (message, _) => message.clone(),
            };
            prop_assert_eq!(&read.said, &Said::Message(expected), "{}", shown);
            let count = match repeated {
                Repeated::No => Repeated::No,
                Repeated::Suffix(count) | Repeated::Line(count) => Repeated::Suffix(count),
            };
            prop_assert_eq!(read.repeated, count);
        }
        let has_sequence = matches!(options.form, Form::IosXe | Form::IosXr);
        prop_assert_eq!(read.sequence, has_sequence.then_some(sequence));
        if let Some(pri) = read.pri {
            prop_assert_eq!(pri, options.facility.pri(options.form.shape(&message).severity));
        }
    }

    #[test]
    fn each_rfc_5424_line_passes_an_independent_parser(
        message in messages(),
        precision in prop::sample::select(&Precision::ALL[..]),
        at in 0_i64..4_000_000_000_000,
        zone in prop::sample::select(&ZONES[..]),
        host in prop::option::of("\\PC{0,300}"),
    ) {
        let options = Options { form: Form::Rfc5424, precision, ..Options::default() };
        let zone = zone.parse().unwrap();
        let line = Line {
            at: Wall(at), zone, host: host.as_deref(), address: None, sequence: 1, message: &message, repeated: Repeated::No,
        };
        let text = String::from_utf8(Formatter::new(options).format(&line).to_vec()).unwrap();
        let parsed = syslog_rfc5424::parse_message(&text);
        let parsed = parsed.map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        let row = message.row();
        prop_assert_eq!(parsed.severity as u8, row.nxos.severity.digit());
        prop_assert_eq!(parsed.appname.as_deref(), Some("LICMGR"));
        prop_assert_eq!(parsed.procid, None);
        prop_assert_eq!(parsed.msgid.as_deref(), Some(row.mnemonic().get(..32).unwrap_or(row.mnemonic())));
        prop_assert_eq!(parsed.timestamp, Some(at / 1000));
        prop_assert!(parsed.sd.is_empty());
        prop_assert_eq!(parsed.msg, message.to_string());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "[<{2*M]\\PC{0,60}") {
        let _ = read(&bytes);
        let _ = read(text.as_bytes());
    }
}

/// Lines of real devices (`spec/logs.md` §2 to §6) that the simulator does not write itself.
#[test]
fn lines_of_other_origin_are_read() {
    let xe = "%SMART_LIC-3-COMM_FAILED: Communications failure with the Cisco Smart Software Manager (CSSM) : Communications failure";
    for (line, form, device, said_other) in [
        (format!("<187>42: *Mar  2 10:00:00.123 UTC: {xe}"), Form::IosXe, None, false),
        (format!("<187>42: c9300: 000017: .Mar  2 2026 10:00:00.123: {xe}"), Form::IosXe, Some("c9300"), false),
        (format!("*Mar  2 10:00:00.123: {xe}"), Form::IosXe, None, false),
        (
            format!("Mar  2 10:00:00 leaf : 2026 Mar  2 10:00:00 UTC: {}", Message::PolicyRemoved),
            Form::Rfc3164,
            Some("leaf"),
            false,
        ),
        ("<189>: 2023 May  2 12:55:19 UTC: last message repeated 1 times".into(), Form::Nxos, None, false),
        ("2020 Apr 29 00:23:46  %$ VDC-1 %$ %VDC_MGR-2-VDC_ONLINE: vdc 1 has come online".into(), Form::Console, None, true),
        ("<189>leaf: 2023 May  2 12:55:19 UTC: %ETHPORT-5-IF_UP: Interface mgmt0 is up".into(), Form::Nxos, Some("leaf"), true),
        ("2023 May  2 12:55:19 leaf netstack: no tag".into(), Form::Logfile, Some("leaf"), true),
        (
            "<190>1 2026-03-02T10:00:00.123456+00:00 n9k-leaf-01 - - - - %LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS: A new licensing policy was successfully installed.".into(),
            Form::Rfc5424,
            Some("n9k-leaf-01"),
            false,
        ),
    ] {
        let read = read(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!((read.form, read.device.as_deref()), (form, device), "{line}");
        assert_eq!(read.said == Said::Other, said_other, "{line}");
    }
}

#[test]
fn what_does_not_fit_is_told_with_its_reason() {
    let removed = "%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.";
    for (line, expected) in [
        ("".into(), "begins like none of the forms"),
        ("leaf %LICMGR".into(), "begins like none of the forms"),
        ("<192>: x".into(), "no PRI between <0> and <191>"),
        ("<187 x".into(), "no PRI"),
        (format!("<187>leaf 2026 Mar  2 10:00:00 UTC: {removed}"), "no colon and blank behind the origin"),
        (format!("<187>leaf: 2026 Mar 32 10:00:00 UTC: {removed}"), "no time stamp such as"),
        (format!("<187>leaf: 2026 Mar  2 10:00:00: {removed}"), "no time zone and colon"),
        (
            format!("<186>leaf: 2026 Mar  2 10:00:00 UTC: {removed}"),
            "PRI <186> says severity 2, the tag says 3",
        ),
        (
            "<187>: 2026 Mar  2 10:00:00 UTC: %LICMGR-3-LOG_SMART_LIC_GONE: x".into(),
            "%LICMGR-3-LOG_SMART_LIC_GONE is no message of the catalogue",
        ),
        (
            format!("<188>: 2026 Mar  2 10:00:00 UTC: {}", removed.replace("-3-", "-4-")),
            "LOG_SMART_LIC_POLICY_REMOVED has severity 3, not 4",
        ),
        (
            format!("<187>: 2026 Mar  2 10:00:00 UTC: {removed}!"),
            "the text of LOG_SMART_LIC_POLICY_REMOVED should read: The licensing policy has been removed.",
        ),
        (format!("<187>1 2026-03-02T10:00:00Z leaf LICMGR - OTHER - {removed}"), "MSGID is \"OTHER\""),
        (format!("<187>1 2026-03-02T10:00:00Z leaf LICMGR - - [x] {removed}"), "no `-` for STRUCTURED-DATA"),
        ("<187>42: RP/0/RP0/CPU0:Mar  2 10:00:00.123 UTC: %X-3-Y: z".into(), "no process such as"),
        ("{\"time\":1}".into(), "no JSON line of ours"),
    ] {
        let line: String = line;
        let error = read(line.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
    assert_eq!(read(b"<187>\xff"), Err(ReadError::Utf8(5)));
}

#[test]
fn who_sent_a_line_shows_also_where_its_message_cannot_be_read() {
    for (line, expected) in [
        (&b"<187>a: 2026 Mar  2 10:00:00 UTC: %LICMGR-3-X: y"[..], Some("a")),
        (b"<187>a: 2026 Mar  2 10:00:00 UTC: %LIC\xff", Some("a")),
        (b"<187>: 2026 Mar  2 10:00:00 UTC: %LICMGR-3-X: y", Some("")),
        (b"2026 Mar  2 10:00:00 a %LICMGR-3-X: y", Some("a")),
        (b"<187>Mar  2 10:00:00 a : 2026 Mar  2 10:00:00 UTC: %LICMGR-3-X: y", Some("a")),
        (b"<187>1 2026-03-02T10:00:00Z a LICMGR - X [relayed] %LICMGR-3-X: y", Some("a")),
        (b"<187>7: a: Mar  2 10:00:00 UTC: %SMART_LIC-3-X: y", Some("a")),
        (
            b"<187>7: a RP/0/RP0/CPU0:Mar  2 10:00:00 UTC: smartlicserver[1]: %LICENSE-SMART_LIC-3-X: y",
            Some("a"),
        ),
        (b"{\"time\":\"2026-03-02T10:00:00.000Z\",\"host\":\"a\",\"faci", Some("a")),
        (b"<86>Mar  2 10:00:00 relay sshd[811]: Accepted publickey", None),
        (b"<187>a: 2026 M\xff", None),
        (b"", None),
    ] {
        assert_eq!(device(line).as_deref(), expected, "{}", String::from_utf8_lossy(line));
    }
}
