//! The worked examples of `spec/behaviour.md` §3.2 and §3.3, row by row, against the policy's arithmetic.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests say what they expect, too")]

use slpsim_policy::time::DAY_MS;
use slpsim_policy::{
    CiscoDefault, Class, ClassSet, Facts, Phase, Policy, PushInterval, Rules, Values, Wall, days_left,
    deadline, in_policy, next_reminder, on_change_bound, push_interval,
};

const PERPETUAL: ClassSet = ClassSet::EMPTY.with(Class::Perpetual);
const BOTH: ClassSet = PERPETUAL.with(Class::Subscription);
const NEXUS: ClassSet = ClassSet::EMPTY.with(Class::Unenforced);

/// What a row's base is: the column tells it by its letter.
#[derive(Clone, Copy, Debug)]
enum Base {
    /// T0, the start of the reporting clock.
    T0,
    /// P, the installation of the policy, at the same second as A; T0 lies before.
    P,
    /// A, the last ACK; T0 and P lie before.
    A,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum InUse {
    Default,
    Sle,
    Custom,
}

/// One row of §3.2; times in the zone that the box prints, which does not matter.
struct Sample(&'static str, InUse, ClassSet, Base, &'static str, Option<u16>, Option<&'static str>);

const SAMPLES: [Sample; 17] = [
    Sample(
        "TS-15",
        InUse::Default,
        BOTH,
        Base::T0,
        "2024-07-29 17:00:51",
        Some(90),
        Some("2024-10-27 17:00:51"),
    ),
    Sample(
        "TS-17",
        InUse::Default,
        BOTH,
        Base::T0,
        "2025-03-19 15:04:29",
        Some(90),
        Some("2025-06-17 15:04:29"),
    ),
    Sample(
        "TS-4",
        InUse::Default,
        BOTH,
        Base::T0,
        "2022-08-29 09:47:56",
        Some(90),
        Some("2022-11-27 09:47:56"),
    ),
    Sample(
        "TS-3",
        InUse::Default,
        PERPETUAL,
        Base::T0,
        "2022-04-06 13:28:03",
        Some(365),
        Some("2023-04-06 13:28:03"),
    ),
    Sample("TS-18", InUse::Sle, BOTH, Base::P, "2025-04-22 05:01:33", Some(30), Some("2025-05-22 05:01:34")),
    Sample("TS-9", InUse::Sle, BOTH, Base::A, "2023-11-28 02:43:37", Some(60), Some("2024-01-27 02:43:37")),
    Sample("TS-12", InUse::Sle, BOTH, Base::A, "2023-12-18 11:05:11", Some(60), Some("2024-02-16 11:05:11")),
    Sample("TS-13", InUse::Sle, BOTH, Base::A, "2024-03-15 21:01:43", Some(60), Some("2024-05-14 21:01:43")),
    Sample("ALL-3", InUse::Sle, BOTH, Base::A, "2024-03-15 20:10:40", Some(60), Some("2024-05-14 20:10:40")),
    Sample(
        "TS-14",
        InUse::Sle,
        PERPETUAL,
        Base::A,
        "2024-02-27 11:18:06",
        Some(60),
        Some("2024-04-27 11:18:06"),
    ),
    Sample("TS-2", InUse::Sle, BOTH, Base::A, "2022-03-22 12:19:01", Some(60), Some("2022-05-21 12:19:01")),
    Sample("TS-5", InUse::Sle, BOTH, Base::A, "2022-10-11 15:39:41", Some(60), Some("2022-12-10 15:39:42")),
    Sample("TS-8", InUse::Sle, BOTH, Base::A, "2023-08-30 19:03:00", Some(60), Some("2023-10-29 19:03:00")),
    Sample(
        "ST-1",
        InUse::Custom,
        BOTH,
        Base::A,
        "2021-10-14 12:10:32",
        Some(90),
        Some("2022-01-12 12:10:32"),
    ),
    Sample(
        "TS-0",
        InUse::Custom,
        BOTH,
        Base::A,
        "2022-01-10 20:32:26",
        Some(90),
        Some("2022-04-10 20:32:26"),
    ),
    Sample("ALL-4", InUse::Custom, PERPETUAL, Base::A, "2025-04-23 15:28:43", None, None),
    Sample(
        "TS-7",
        InUse::Default,
        BOTH,
        Base::T0,
        "2022-06-27 11:23:47",
        Some(90),
        Some("2022-09-25 11:23:47"),
    ),
];

/// The two outputs that are a second later than the rule; all others are exact (§3.1, tolerance).
const A_SECOND_LATE: [&str; 2] = ["TS-18", "TS-5"];

#[test]
fn every_output_of_a_real_device_has_the_deadline_that_the_rules_give() {
    for Sample(name, in_use, classes, base, at, n, expected) in SAMPLES {
        let rules = in_use.rules();
        let facts = facts(base, wall(at), classes, in_use);
        assert_eq!(in_policy(&rules, facts.phase, classes), n, "{name}: InPolicy");
        let x = deadline(&rules, &facts);
        let late = if A_SECOND_LATE.contains(&name) { 1_000 } else { 0 };
        assert_eq!(x.map(|x| x.plus_millis(late)), expected.map(wall), "{name}: X");
    }
}

#[test]
fn a_push_falls_due_after_the_smaller_one_of_the_users_interval_and_the_policys() {
    for Sample(name, in_use, classes, base, at, n, _) in SAMPLES {
        let facts = facts(base, wall(at), classes, in_use);
        for user in [1, 30, 59, 60, 90, 365, 3650] {
            let expected = n.map_or(PushInterval::NoReporting, |n| PushInterval::Days(user.min(n)));
            assert_eq!(
                push_interval(&in_use.rules(), facts.phase, classes, user),
                expected,
                "{name}, {user} d"
            );
        }
    }
}

#[test]
fn a_deadline_that_was_missed_stays_and_reminds_daily() {
    // TS-7: printed on 2023-07-13, long after X.
    let x = wall("2022-09-25 11:23:47");
    let printed = wall("2023-07-13 00:00:00");
    assert_eq!(next_reminder(x, printed), Some(wall("2023-07-13 11:23:47")));
    assert_eq!(days_left(x, printed), 0);
}

/// T0 of the NX-OS examples.
const T0: &str = "2026-03-02 10:00:00";

/// One row of §3.3. `armed` is the instant from which reminders are looked for.
struct Example {
    row: &'static str,
    policy: Option<Policy>,
    facts: Facts,
    user_days: u16,
    armed: &'static str,
    x: Option<&'static str>,
    /// Times and the number printed; the next one would come daily after the last.
    reminders: &'static [(&'static str, u32)],
    /// Last push and the one after it, where the policy decides it.
    push: Option<(&'static str, &'static str)>,
    interval: PushInterval,
}

#[test]
fn the_nxos_examples_have_their_deadlines_reminders_and_pushes() {
    for example in examples() {
        let row = example.row;
        let rules = Rules::merge(CiscoDefault::NxOs, example.policy.as_ref());
        let x = deadline(&rules, &example.facts);
        assert_eq!(x, example.x.map(wall), "{row}: X");
        let interval = push_interval(&rules, example.facts.phase, example.facts.in_use, example.user_days);
        assert_eq!(interval, example.interval, "{row}: interval");
        if let Some((last, next)) = example.push {
            assert_eq!(
                interval.days().map(|days| wall(last).plus_days(days)),
                Some(wall(next)),
                "{row}: push"
            );
        }
        let Some(x) = x else {
            assert!(example.reminders.is_empty(), "{row}: reminders without a deadline");
            continue;
        };
        let mut now = wall(example.armed);
        for (at, days) in example.reminders {
            assert_eq!(next_reminder(x, now), Some(wall(at)), "{row}: reminder");
            now = wall(at);
            assert_eq!(days_left(x, now), *days, "{row}: number at {at}");
        }
        assert_eq!(next_reminder(x, now), Some(now.plus_days(1)), "{row}: then daily");
        assert_eq!(days_left(x, now.plus_days(1)), 0, "{row}: never below 0");
    }
}

#[test]
fn the_start_reminder_of_the_nxos_default_says_89() {
    // N1: five seconds after the clock is authoritative, `spec/behaviour.md` §19 "start reminder".
    let rules = Rules::merge(CiscoDefault::NxOs, None);
    let x = deadline(&rules, &never_acked()).expect("N1 has a deadline");
    let started = wall(T0);
    let delay = i64::try_from(slpsim_agent::numbers::START_REMINDER.as_millis()).expect("five seconds");
    assert_eq!(days_left(x, started.plus_millis(delay)), 89);
    assert_eq!(days_left(x, started), 90);
}

#[test]
fn an_ack_that_arrives_at_the_deadline_moves_it_on() {
    // N5, second half: the ACK of the push of 2026-03-12 10:02:00.
    let policy = Policy::nxos("Ten", Values::of(10, 10, 10));
    let rules = Rules::merge(CiscoDefault::NxOs, Some(&policy));
    let x = wall("2026-03-12 10:03:00");
    let facts = Facts { last_ack: Some(x), policy_installed: Some(wall(T0)), ..acked() };
    assert_eq!(deadline(&rules, &facts), Some(wall("2026-03-22 10:03:00")));
}

fn examples() -> Vec<Example> {
    [nxos_default(), customer_policies(), without_deadline()].into_iter().flatten().collect()
}

/// N1 to N4.
fn nxos_default() -> Vec<Example> {
    let rules = Rules::merge(CiscoDefault::NxOs, None);
    let one_more = on_change_bound(&rules, Class::Unenforced, wall("2026-06-01 00:00:00"));
    let after_ack: &[_] = &[("2027-01-31 10:03:00", 30), ("2027-03-02 10:03:00", 0)];
    let n2 = Example {
        row: "N2",
        policy: None,
        facts: acked(),
        user_days: 30,
        armed: "2026-03-02 10:03:00",
        x: Some("2027-03-02 10:03:00"),
        reminders: after_ack,
        push: Some(("2026-03-02 10:02:00", "2026-04-01 10:02:00")),
        interval: PushInterval::Days(30),
    };
    vec![
        Example {
            row: "N1",
            facts: never_acked(),
            armed: "2026-03-02 10:00:05",
            x: Some("2026-05-31 10:00:00"),
            reminders: &[("2026-05-01 10:00:00", 30), ("2026-05-31 10:00:00", 0)],
            push: None,
            policy: None,
            ..n2
        },
        Example {
            row: "N3",
            facts: Facts { bound: one_more, ..acked() },
            armed: "2026-06-01 00:00:00",
            x: Some("2026-08-30 00:00:00"),
            reminders: &[("2026-07-31 00:00:00", 30), ("2026-08-30 00:00:00", 0)],
            policy: None,
            ..n2
        },
        Example {
            row: "N4",
            user_days: 7,
            push: Some(("2026-03-02 10:02:00", "2026-03-09 10:02:00")),
            interval: PushInterval::Days(7),
            policy: None,
            ..n2
        },
        n2,
    ]
}

/// N5 to N6a.
fn customer_policies() -> Vec<Example> {
    let changes_only = Policy::nxos("Changes", Values::of(60, 0, 60));
    let rules = Rules::merge(CiscoDefault::NxOs, Some(&changes_only));
    let one_more = on_change_bound(&rules, Class::Unenforced, wall("2026-06-01 00:00:00"));
    let in_use_from_start = Facts { policy_installed: Some(wall(T0)), ..acked() };
    vec![
        Example {
            row: "N5",
            policy: Some(Policy::nxos("Ten", Values::of(10, 10, 10))),
            facts: in_use_from_start,
            user_days: 30,
            armed: "2026-03-02 10:03:00",
            x: Some("2026-03-12 10:03:00"),
            reminders: &[("2026-03-12 10:03:00", 0)],
            push: Some(("2026-03-02 10:02:00", "2026-03-12 10:02:00")),
            interval: PushInterval::Days(10),
        },
        Example {
            row: "N6",
            policy: Some(changes_only.clone()),
            facts: in_use_from_start,
            user_days: 30,
            armed: T0,
            x: None,
            reminders: &[],
            push: None,
            interval: PushInterval::NoReporting,
        },
        Example {
            row: "N6a",
            policy: Some(changes_only),
            facts: Facts { bound: one_more, ..in_use_from_start },
            user_days: 30,
            armed: "2026-06-01 00:00:00",
            x: Some("2026-07-31 00:00:00"),
            reminders: &[("2026-07-01 00:00:00", 30), ("2026-07-31 00:00:00", 0)],
            // The push after the change is the agent's: no push was scheduled (§3.4).
            push: None,
            interval: PushInterval::NoReporting,
        },
    ]
}

/// N7 and N8.
fn without_deadline() -> Vec<Example> {
    let silent = Policy { ack_required: Some(false), ..Policy::nxos("Silent", Values::default()) };
    let n7 = Example {
        row: "N7",
        policy: None,
        facts: Facts::default(),
        user_days: 30,
        armed: T0,
        x: None,
        reminders: &[],
        push: None,
        interval: PushInterval::Days(30),
    };
    vec![
        Example { row: "N8", policy: Some(silent), facts: never_acked(), ..n7 },
        Example { policy: None, ..n7 },
    ]
}

fn never_acked() -> Facts {
    Facts { t0: Some(wall(T0)), in_use: NEXUS, ..Facts::default() }
}

fn acked() -> Facts {
    Facts { last_ack: Some(wall("2026-03-02 10:03:00")), phase: Phase::Ongoing, ..never_acked() }
}

/// The facts of a row of §3.2: what is not the base lies before it, so that it would show if it were used.
fn facts(base: Base, at: Wall, classes: ClassSet, in_use: InUse) -> Facts {
    let before = at.plus_millis(-200 * DAY_MS);
    let installed = (in_use != InUse::Default).then_some(before);
    let facts = Facts { t0: Some(before), policy_installed: installed, in_use: classes, ..Facts::default() };
    match base {
        Base::T0 => Facts { t0: Some(at), ..facts },
        Base::P => Facts { policy_installed: Some(at), last_ack: Some(at), ..facts },
        Base::A => Facts { last_ack: Some(at), phase: Phase::Ongoing, ..facts },
    }
}

impl InUse {
    /// The rules of §2.2 on IOS-XE, where the outputs come from.
    fn rules(self) -> Rules {
        let policy = match self {
            Self::Default => None,
            Self::Sle => {
                Some(customer("SLE Policy", [(30, 60, 60), (120, 111, 111), (30, 90, 60), (30, 30, 30)]))
            }
            Self::Custom => {
                Some(customer("Custom Policy", [(365, 0, 90), (90, 90, 90), (365, 90, 90), (365, 90, 90)]))
            }
        };
        Rules::merge(CiscoDefault::IosXe, policy.as_ref())
    }
}

/// A policy with values for perpetual, subscription, enforced and export: first, ongoing, on change.
fn customer(name: &str, values: [(u16, u16, u16); 4]) -> Policy {
    let mut policy = Policy::nxos(name, Values::default());
    let classes = [Class::Perpetual, Class::Subscription, Class::Enforced, Class::Export];
    for (class, (first, ongoing, on_change)) in classes.into_iter().zip(values) {
        policy.values[class.index()] = Values::of(first, ongoing, on_change);
    }
    policy
}

/// `2026-03-02 10:00:00`, counted as if the zone were UTC.
fn wall(text: &str) -> Wall {
    let fields: Vec<i64> =
        text.split(['-', ' ', ':']).map(|field| field.parse().expect("a number")).collect();
    let [year, month, day, hour, minute, second] = fields[..] else { panic!("not a date and time: {text}") };
    Wall::from_secs(days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March, so that a leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[test]
fn the_calendar_of_this_test_knows_leap_days() {
    for (text, secs) in [
        ("1970-01-01 00:00:00", 0),
        ("2000-02-29 00:00:00", 951_782_400),
        ("2000-03-01 00:00:00", 951_868_800),
        ("2026-05-31 10:00:00", 1_780_221_600),
    ] {
        assert_eq!(wall(text), Wall::from_secs(secs), "{text}");
    }
}
