//! The agent's numbers of `spec/behaviour.md` §16 and §19, each under the name it has there.
//!
//! Values graded (C) in the reference are modelled: nothing public exists, and they may be changed here alone.

use core::time::Duration;

pub use slpsim_policy::numbers::Number;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const fn hours(hours: u64) -> Duration {
    minutes(hours * 60)
}

const fn days(days: u64) -> Duration {
    hours(days * 24)
}

/// "retry window" (S).
pub const RETRY_WINDOW: Duration = hours(4);
/// "window attempts", minutes after T (modelled).
pub const WINDOW_ATTEMPTS_MIN: [u64; 8] = [0, 5, 10, 15, 60, 120, 180, 240];
/// "fast interval" (S).
pub const FAST_INTERVAL: Duration = minutes(15);
/// "start reminder", after the clock is authoritative (X).
pub const START_REMINDER: Duration = Duration::from_secs(5);
/// "hello at start, after trust" (X), (C).
pub const HELLO_AFTER_START: Duration = Duration::from_secs(10);
/// "hello, trust request, trust sync retry" (D).
pub const HOURLY_RETRY: Duration = minutes(60);
/// "first report after start or reload" (D).
pub const REPORT_AFTER_START: Duration = minutes(2);
/// "report after trust, none delivered since start" (D).
pub const REPORT_AFTER_TRUST: Duration = Duration::from_secs(30);
/// "trust sync after trust" (D), (C).
pub const SYNC_AFTER_TRUST: Duration = Duration::from_secs(40);
/// "ACK poll, smart/callhome; mock CSSM" (V), (D).
pub const POLL_DIRECT: Duration = Duration::from_secs(300);
/// "ACK poll, cslu; mock CSLU, On-Prem" (D).
pub const POLL_CSLU: Duration = Duration::from_secs(60);
/// "ACK polls before going daily" (modelled).
pub const POLLS_BEFORE_DAILY: u8 = 10;
/// "ACK poll after failure" (D).
pub const POLL_AFTER_FAILURE: Duration = hours(24);
/// "report not possible (no trust; off)" (D), (C); also the step in which other due exchanges wait.
pub const NOT_POSSIBLE: Duration = hours(24);
/// "`OK_TRY_AGAIN` without `retry_time_seconds`" (modelled).
pub const TRY_AGAIN: Duration = Duration::from_secs(900);
/// "down-rev hello" (modelled).
pub const DOWN_REV_HELLO: Duration = hours(24);
/// "authorization renewal, registration renewal": the first of the two (X).
pub const AUTH_RENEWAL: Duration = days(30);
/// "authorization renewal, registration renewal": the second of the two (X).
pub const ID_RENEWAL: Duration = days(182);
/// "first renewals after start" (modelled).
pub const FIRST_RENEWALS: Duration = hours(1);
/// "clock tolerance", in milliseconds; the difference must be smaller (V).
pub const CLOCK_TOLERANCE_MS: i64 = 3_600_000;
/// "signer validity before, after issue": the first of the two, in milliseconds (modelled).
pub const SIGNER_BEFORE_MS: i64 = 30 * 86_400_000;
/// "signer validity before, after issue": the second of the two, in milliseconds (modelled).
pub const SIGNER_AFTER_MS: i64 = 365 * 86_400_000;
/// "measurement interval", in seconds (X).
pub const MEASUREMENT_INTERVAL_S: u64 = 900;
/// "day boundary of a measurement", in seconds (X).
pub const MEASUREMENT_DAY_S: i64 = 86_400;
/// "trust renewal before expiry" (modelled).
pub const TRUST_RENEWAL_BEFORE: Duration = days(90);
/// "exchange time-out" (modelled).
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);
/// "report cap, then counted purge" (modelled).
pub const REPORT_CAP: usize = 300;
/// "message size", in bytes (V).
pub const MESSAGE_SIZE: usize = 5_000_000;
/// "CSLU port" (S).
pub const CSLU_PORT: u16 = 8182;
/// "trust validity": what the mock gives, in days of 86,400 s, eight years (D).
pub const TRUST_VALIDITY_DAYS: u16 = 2922;
/// "trust back-dating", in seconds (D).
pub const TRUST_BACKDATING_S: i64 = 302;
/// "save unreported reports" (D). The agent persists at each change; a driver in real time saves as often as this, so
/// that usage up to then outlives a power loss.
pub const SAVE_UNREPORTED: Duration = minutes(60);
/// "process reports (housekeeping, sends nothing)" (D).
pub const PROCESS_REPORTS: Duration = hours(24);
/// "conversion at upgrade" (V).
pub const CONVERSION: Duration = minutes(60);
/// "TLS validity of the mock, each side", in years (modelled).
pub const MOCK_TLS_VALIDITY_YEARS: i32 = 20;
/// Longest id token, in characters (`spec/behaviour.md` §16, X).
pub const TOKEN_MAX_CHARS: usize = 255;
/// Entries that `show license history message` keeps by category (`spec/behaviour.md` §16, modelled).
pub const HISTORY_ENTRIES: usize = 10;
/// Usage rows that an agent holds in line (`spec/behaviour.md` §16, modelled).
pub const USAGE_ROWS_INLINE: usize = 12;

/// The rows of §19 that the agent and its peers use; `slpsim_policy::numbers::TABLE` has the others.
pub const TABLE: &[Number] = &[
    row("retry window", "4", "h"),
    row("window attempts", "0, 5, 10, 15, 60, 120, 180, 240", "min after T"),
    row("fast interval", "15", "min"),
    row("start reminder", "5 after clock authoritative", "s"),
    row("hello at start, after trust", "10", "s"),
    row("hello, trust request, trust sync retry", "60", "min"),
    row("first report after start or reload", "2", "min"),
    row("report after trust, none delivered since start", "30", "s"),
    row("trust sync after trust", "39 seen, we use 40", "s"),
    row("ACK poll, smart/callhome; mock CSSM", "300", "s"),
    row("ACK poll, cslu; mock CSLU, On-Prem", "60 (62 seen)", "s"),
    row("ACK polls before going daily", "10", "–"),
    row("ACK poll after failure", "24", "h"),
    row("report not possible (no trust; off)", "24", "h"),
    row("`OK_TRY_AGAIN` without `retry_time_seconds`", "900", "s"),
    row("down-rev hello", "24", "h"),
    row("authorization renewal, registration renewal (§13)", "30, 182", "d"),
    row("first renewals after start", "1", "h"),
    row("clock tolerance", "< 3600", "s"),
    row("signer validity before, after issue", "30 d, 1 y (365 d)", "–"),
    row("TLS validity of the mock, each side", "20", "years"),
    row("measurement interval", "900", "s"),
    row("day boundary of a measurement", "86,400 (86,399 recorded)", "s"),
    row("save unreported reports", "60", "min"),
    row("process reports (housekeeping, sends nothing)", "24", "h"),
    row("trust validity", "8", "years"),
    row("trust back-dating", "302 (302 and 303 seen)", "s"),
    row("trust renewal before expiry", "90", "d"),
    row("conversion at upgrade", "≤ 60", "min"),
    row("exchange time-out", "60", "s (which clock: §7.5)"),
    row("CSLU port", "8182", "–"),
    row("report cap, then counted purge", "300", "reports"),
    row("message size", "5,000,000", "bytes"),
];

const fn row(name: &'static str, value: &'static str, unit: &'static str) -> Number {
    Number { name, value, unit }
}
