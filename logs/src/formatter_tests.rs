//! The forms against the tables of `spec/logs.md`.

use slpsim_agent::{Failure, Message, Peer, Spelling, TrustError, Udi};
use slpsim_policy::Wall;

use super::*;
use crate::pri::Facility;
use crate::zone::Zone;

const TEXT: &str = "%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: Communications failure with the Cisco Smart License Utility (CSLU) : Unable to resolve server hostname/domain name";
const FAILED: Message = Message::CommFailed { peer: Peer::Cslu, failure: Failure::Resolve };
/// 2026-03-02 10:00:00.123 UTC
const AT: Wall = Wall(1_772_445_600_123);

fn line(message: &Message) -> Line<'_> {
    Line {
        at: AT,
        zone: Zone::UTC,
        host: Some("n9k-leaf-01"),
        address: Some("192.0.2.11"),
        sequence: 42,
        message,
        repeated: Repeated::No,
    }
}

fn formatted(options: &Options, line: &Line<'_>) -> String {
    String::from_utf8(Formatter::new(options.clone()).format(line).to_vec()).unwrap()
}

/// `spec/logs.md` §1; F9 and F10 without the `*` of a clock that was never set, and with the twin's text.
#[test]
fn every_form_looks_as_its_row_shows_it() {
    use Precision::{Milliseconds, Seconds};
    let xe = TEXT.replace("LICMGR-3-LOG_SMART_LIC_", "SMART_LIC-3-");
    let xr = TEXT.replace("LICMGR-3-LOG_SMART_LIC_COMM_FAILED:", "LICENSE-SMART_LIC-3-COMM_FAILED :");
    for (form, origin, precision, expected) in [
        (Form::Nxos, Origin::None, Seconds, format!("<187>: 2026 Mar  2 10:00:00 UTC: {TEXT}")),
        (Form::Nxos, Origin::None, Milliseconds, format!("<187>: 2026 Mar  2 10:00:00.123 UTC: {TEXT}")),
        (
            Form::Nxos,
            Origin::Hostname,
            Seconds,
            format!("<187>n9k-leaf-01: 2026 Mar  2 10:00:00 UTC: {TEXT}"),
        ),
        (Form::Nxos, Origin::Ip, Seconds, format!("<187>192.0.2.11: 2026 Mar  2 10:00:00 UTC: {TEXT}")),
        (Form::Nxos, Origin::Text("X".into()), Seconds, format!("<187>X: 2026 Mar  2 10:00:00 UTC: {TEXT}")),
        (Form::Logfile, Origin::Hostname, Seconds, format!("2026 Mar  2 10:00:00 n9k-leaf-01 {TEXT}")),
        (Form::Logfile, Origin::None, Milliseconds, format!("2026 Mar  2 10:00:00.123 n9k-leaf-01 {TEXT}")),
        (
            Form::Console,
            Origin::None,
            Seconds,
            format!("2026 Mar  2 10:00:00 n9k-leaf-01 %$ VDC-1 %$ {TEXT}"),
        ),
        (
            Form::Rfc5424,
            Origin::None,
            Milliseconds,
            format!(
                "<187>1 2026-03-02T10:00:00.123Z n9k-leaf-01 LICMGR - LOG_SMART_LIC_COMM_FAILED - {TEXT}"
            ),
        ),
        (
            Form::Rfc3164,
            Origin::Hostname,
            Seconds,
            format!("<187>Mar  2 10:00:00 n9k-leaf-01 : 2026 Mar  2 10:00:00 UTC: {TEXT}"),
        ),
        (Form::IosXe, Origin::None, Milliseconds, format!("<187>42: Mar  2 10:00:00.123 UTC: {xe}")),
        (
            Form::IosXr,
            Origin::None,
            Seconds,
            format!("<187>42: RP/0/RP0/CPU0:Mar  2 10:00:00.123 UTC: smartlicserver[390]: {xr}"),
        ),
    ] {
        let options = Options { form, origin, precision, ..Options::default() };
        assert_eq!(formatted(&options, &line(&FAILED)), expected, "{options:?}");
    }
}

/// `spec/logs.md` §2.1, the table.
#[test]
fn time_stamps_are_cut_and_padded_as_in_the_table() {
    let day = "%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.";
    for (at, zone, remote, fraction, local) in [
        (
            1_772_445_600_000,
            "UTC",
            "2026 Mar  2 10:00:00 UTC",
            "2026 Mar  2 10:00:00.000 UTC",
            "2026 Mar  2 10:00:00",
        ),
        (
            1_796_079_599_999,
            "Europe/Zurich",
            "2026 Nov 30 23:59:59 CET",
            "2026 Nov 30 23:59:59.999 CET",
            "2026 Nov 30 23:59:59",
        ),
        (
            1_835_395_200_050,
            "UTC",
            "2028 Feb 29 00:00:00 UTC",
            "2028 Feb 29 00:00:00.050 UTC",
            "2028 Feb 29 00:00:00",
        ),
    ] {
        let line = Line { at: Wall(at), zone: zone.parse().unwrap(), ..line(&Message::PolicyRemoved) };
        let options =
            |form, precision| Options { form, precision, origin: Origin::None, ..Options::default() };
        let of = |form, precision| formatted(&options(form, precision), &line);
        assert_eq!(of(Form::Nxos, Precision::Seconds), format!("<187>: {remote}: {day}"));
        assert_eq!(of(Form::Nxos, Precision::Milliseconds), format!("<187>: {fraction}: {day}"));
        assert_eq!(of(Form::Logfile, Precision::Seconds), format!("{local} n9k-leaf-01 {day}"));
    }
}

#[test]
fn microseconds_have_six_digits() {
    let options = Options { precision: Precision::Microseconds, ..Options::default() };
    let text = formatted(&options, &line(&FAILED));
    assert!(text.starts_with("<187>n9k-leaf-01: 2026 Mar  2 10:00:00.123000 UTC: %"), "{text}");
}

/// The stamp is kept by second and zone: a formatter that serves many devices must not mix them up.
#[test]
fn one_formatter_serves_devices_of_several_zones_and_seconds() {
    let mut formatter = Formatter::new(Options { form: Form::Rfc5424, ..Options::default() });
    let tokyo: Zone = "Asia/Tokyo".parse().unwrap();
    for (zone, at, expected) in [
        (Zone::UTC, AT, "<190>1 2026-03-02T10:00:00Z "),
        (tokyo, AT, "<190>1 2026-03-02T19:00:00+09:00 "),
        (tokyo, AT.plus_millis(877), "<190>1 2026-03-02T19:00:01+09:00 "),
        (Zone::UTC, AT.plus_millis(-124), "<190>1 2026-03-02T09:59:59Z "),
        (Zone::UTC, AT.plus_millis(-124), "<190>1 2026-03-02T09:59:59Z "),
    ] {
        let line = Line { at, zone, ..line(&Message::PolicyInstallSuccess) };
        let text = std::str::from_utf8(formatter.format(&line)).unwrap();
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn without_a_host_name_its_place_is_empty_or_taken_by_the_address() {
    let nameless = Line { host: None, ..line(&FAILED) };
    let of = |form| formatted(&Options { form, ..Options::default() }, &nameless);
    assert_eq!(of(Form::Nxos), format!("<187>: 2026 Mar  2 10:00:00 UTC: {TEXT}"));
    assert_eq!(of(Form::Console), format!("2026 Mar  2 10:00:00  %$ VDC-1 %$ {TEXT}"));
    assert!(of(Form::Rfc5424).starts_with("<187>1 2026-03-02T10:00:00Z 192.0.2.11 LICMGR - "));
    let unknown = Line { address: None, ..nameless };
    let rfc = formatted(&Options { form: Form::Rfc5424, ..Options::default() }, &unknown);
    assert!(rfc.starts_with("<187>1 2026-03-02T10:00:00Z - LICMGR - "), "{rfc}");
}

#[test]
fn pri_follows_facility_and_severity_and_the_twins_severity() {
    let restored = Message::CommRestored { peer: Peer::Cssm };
    let of = |form, message: &Message| {
        let options = Options { form, facility: Facility::Local4, ..Options::default() };
        formatted(&options, &line(message)).split_once('>').unwrap().0.to_owned()
    };
    assert_eq!(of(Form::Nxos, &restored), "<163");
    assert_eq!(of(Form::IosXe, &restored), "<165");
    assert_eq!(of(Form::Nxos, &Message::ReportingNotSupported), "<164");
    assert_eq!(of(Form::Nxos, &Message::PolicyInstallSuccess), "<166");
}

/// RFC 5424 §6.2.7: MSGID has at most 32 characters, and some mnemonics are longer.
#[test]
fn rfc_5424_fields_keep_their_limits() {
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
    let host = "h".repeat(300);
    let message = Message::AuthorizationInstallSuccess { udi };
    let line = Line { host: Some(&host), ..line(&message) };
    let text = formatted(&Options { form: Form::Rfc5424, ..Options::default() }, &line);
    let fields: Vec<_> = text.splitn(8, ' ').collect();
    assert_eq!((fields[2].len(), fields[5]), (255, "LOG_SMART_LIC_AUTHORIZATION_INST"));
}

#[test]
fn json_lines_escape_what_must_be_escaped() {
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
    let error = TrustError::Other("say \"no\" \\ twice".into());
    let message = Message::TrustCodeInstallFailed { udi, error };
    let line = Line { host: Some("a\tb"), address: None, ..line(&message) };
    let text = formatted(&Options { form: Form::Json, ..Options::default() }, &line);
    assert_eq!(
        text,
        "{\"time\":\"2026-03-02T10:00:00.123Z\",\"host\":\"a\\u0009b\",\"facility\":\"LICMGR\",\"severity\":3,\
         \"mnemonic\":\"LOG_SMART_LIC_TRUST_CODE_INSTALL_FAILED\",\"text\":\"The install of a new licensing trust code has \
         failed on P:N9K-C93180YC-FX3,S:FDO00000001: say \\\"no\\\" \\\\ twice.\"}"
    );
}

/// `spec/logs.md` §7.
#[test]
fn a_udp_line_is_cut_at_its_limit_and_at_a_character() {
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
    let message = Message::TrustCodeInstallFailed { udi, error: TrustError::from_text(&"é".repeat(512)) };
    for max in [UDP, UDP - 1] {
        let options = Options { max_bytes: Some(max), ..Options::default() };
        let text = formatted(&options, &line(&message));
        assert!((max - 1..=max).contains(&text.len()) && text.ends_with('é'), "{max} {}", text.len());
    }
    assert!(formatted(&Options::default(), &line(&message)).len() > UDP);
}

const UDP: usize = crate::form::UDP_MAX_BYTES;

/// `spec/logs.md` §6, both styles.
#[test]
fn repeats_are_told_in_either_style() {
    let of = |form, repeated| {
        let options = Options { form, origin: Origin::None, ..Options::default() };
        formatted(&options, &Line { repeated, ..line(&FAILED) })
    };
    let suffix = of(Form::Nxos, Repeated::Suffix(1));
    assert_eq!(suffix, format!("<187>: 2026 Mar  2 10:00:00 UTC: {TEXT} (message repeated 1 time)"));
    assert!(of(Form::Nxos, Repeated::Suffix(2)).ends_with(" (message repeated 2 times)"));
    let local = of(Form::Logfile, Repeated::Line(3));
    assert_eq!(local, "2026 Mar  2 10:00:00 n9k-leaf-01 last message repeated 3 times");
}

#[test]
fn a_host_name_cannot_forge_a_line() {
    let line = Line { host: Some("a\n<187>b"), ..line(&Message::PolicyRemoved) };
    let text = formatted(&Options::default(), &line);
    assert!(text.starts_with("<187>a?<187>b: 2026 "), "{text}");
}

#[test]
fn the_chapters_spelling_reaches_the_line() {
    let options = Options { spelling: Spelling::Chapter, ..Options::default() };
    assert!(formatted(&options, &line(&FAILED)).contains("Cisco Smart License utility (CSLU)"));
}

#[test]
fn the_ends_of_time_are_no_panic() {
    for at in [i64::MIN, i64::MAX, 0, -1] {
        let line = Line { at: Wall(at), ..line(&FAILED) };
        for form in Form::ALL {
            assert!(!formatted(&Options { form, ..Options::default() }, &line).is_empty());
        }
    }
}
