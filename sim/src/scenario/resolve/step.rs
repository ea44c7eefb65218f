//! `[[at]]`.

use slpsim_agent::{Purpose, TransportMode, Usage};
use slpsim_config::reader::{Item, Problems, Table, did_you_mean};
use slpsim_config::{Device, parse_span};
use slpsim_policy::{Policy, Values};
use slpsim_transport::fault::{Distribution, Fault, Kind, Spec};

use super::{Cx, millis, printed};
use crate::scenario::manage::Call;
use crate::scenario::model::{Action, ClockChange, Event, Moment, NetworkChange, Peer, Scenario, Step, When};

/// How often one step may be done.
const REPEATS_MAX: u64 = 100_000;

/// The names that `{…}` in a console line may have, each with the earliest time at which a step saves it; none where
/// that is not known.
struct Names(Vec<(String, Option<u64>)>);

impl Names {
    fn of(tables: &[(String, Table)]) -> Self {
        let mut names = vec![("token".to_owned(), Some(0))];
        for (_, table) in tables {
            let at = if table.one("after").is_some() { None } else { table.span("t").map(millis) };
            let saves = table.one("manage").and_then(|manage| manage.one("save"));
            for (name, ..) in saves.map_or(&[][..], |save| &save.free) {
                match names.iter_mut().find(|(known, _)| known == name) {
                    Some((_, first)) => *first = first.zip(at).map(|(one, other)| one.min(other)),
                    None => names.push((name.clone(), at)),
                }
            }
        }
        Self(names)
    }

    /// What is wrong with a name in braces of a line that is typed at `when`. Calls of one instant come before commands
    /// (`spec/behaviour.md` §7.5).
    fn wrong(&self, name: &str, when: Option<When>) -> Option<String> {
        let Some((_, saved)) = self.0.iter().find(|(known, _)| known == name) else {
            let hint = did_you_mean(name, self.0.iter().map(|(known, _)| known.as_str()));
            return Some(format!("`{{{name}}}` stands for nothing here{hint}"));
        };
        let (Some(saved), Some(When::At(used) | When::Every { from: used, .. })) = (*saved, when) else {
            return None;
        };
        (saved > used).then(|| {
            let (used, saved) = (Moment(used), Moment(saved));
            format!("`{{{name}}}` is used at {used}, and first saved at {saved}")
        })
    }
}

/// All steps, in file order.
pub(super) fn steps(tables: &[(String, Table)], cx: &mut Cx<'_>) -> Vec<Step> {
    let names = Names::of(tables);
    tables.iter().filter_map(|(_, table)| step(table, &names, cx)).collect()
}

fn step(table: &Table, names: &Names, cx: &mut Cx<'_>) -> Option<Step> {
    const DEEDS: [&str; 9] =
        ["command", "event", "fault", "clock", "usage", "network", "peer", "policy", "manage"];
    let given: Vec<_> = DEEDS.into_iter().filter(|deed| is_given(table, deed)).collect();
    let when = when(table, cx);
    let device = cx.device(table);
    let [deed] = given[..] else {
        cx.add(&table.place, format!("a step does one thing: one of {}", DEEDS.join(", ")));
        return None;
    };
    if table.has("reply") && deed != "command" {
        cx.add(table.place("reply"), "`reply` belongs to a step with `command`");
    }
    if table.has("lost-writes") && deed != "event" {
        cx.add(table.place("lost-writes"), "`lost_writes` belongs to a step with `event = \"power-loss\"`");
    }
    if table.has("device") && matches!(deed, "network" | "peer" | "policy" | "manage") {
        cx.add(table.place("device"), format!("`{deed}` is not done at a device"));
    }
    let action = match deed {
        "command" => command(table, (names, when), cx),
        "event" => event(table, cx),
        "fault" => fault(table.one("fault")?, device, cx),
        "clock" => clock(table.one("clock")?, cx),
        "usage" => usage(table.one("usage")?, device, cx),
        "network" => network(table.one("network")?, cx),
        "peer" => Peer::by_word(table.text("peer")?).map(Action::Peer),
        "policy" => policy(table.one("policy")?),
        _ => manage(table.one("manage")?, cx),
    };
    let is_cause = table.flag("cause") || (deed == "fault" && !table.has("cause"));
    Some(Step { place: printed(&table.place), when: when?, device, action: action?, called: None, is_cause })
}

/// `command`, `event` and `peer` are keys, the others tables.
fn is_given(table: &Table, deed: &str) -> bool {
    match deed {
        "command" | "event" | "peer" => table.is_given(deed),
        _ => table.one(deed).is_some(),
    }
}

fn when(table: &Table, cx: &mut Cx<'_>) -> Option<When> {
    match (table.one("after"), table.is_given("t")) {
        (Some(_), true) => {
            cx.add(table.place("t"), "give `t` or `after`, not both");
            None
        }
        (None, false) => {
            cx.add(&table.place, "`t` is missing: the time of the step, such as \"30d\"; or `after`");
            None
        }
        (Some(after), false) => {
            if !after.is_given("message") {
                cx.add(&after.place, "`message` is missing: the message that the step follows");
            }
            let nth = after.count("nth").and_then(|nth| u32::try_from(nth).ok()).unwrap_or(1);
            let delay = after.span("delay").map_or(0, millis);
            Some(When::After { message: cx.message(after, "message")?, nth, device: cx.device(after), delay })
        }
        (None, true) => {
            let from = cx.time(table, "t")?;
            match table.span("every").map(millis) {
                Some(0) => {
                    cx.add(table.place("every"), "`every` must be longer than nothing");
                    None
                }
                Some(period) => {
                    let to = cx.time(table, "to").unwrap_or(cx.until_ms);
                    if to.saturating_sub(from) / period >= REPEATS_MAX {
                        let why = format!(
                            "the step would be done more than {REPEATS_MAX} times: give a longer time"
                        );
                        cx.add(table.place("every"), why);
                    }
                    Some(When::Every { from, period, to })
                }
                None => {
                    if table.has("to") {
                        cx.add(table.place("to"), "`to` needs `every`");
                    }
                    Some(When::At(from))
                }
            }
        }
    }
}

fn command(table: &Table, (names, when): (&Names, Option<When>), cx: &mut Cx<'_>) -> Option<Action> {
    let Some(Item::Texts(texts)) = table.item_of("command") else { return None };
    let lines: Vec<String> =
        texts.iter().flat_map(|text| text.split(['\n', ';'])).map(|line| line.trim().to_owned()).collect();
    for line in &lines {
        for name in placeholders(line) {
            if let Some(why) = names.wrong(name, when) {
                cx.add(table.place("command"), why);
            }
        }
    }
    Some(Action::Command(lines, cx.regex(table, "reply", false)))
}

/// The names in braces of a line.
pub(in crate::scenario) fn placeholders(line: &str) -> impl Iterator<Item = &str> {
    line.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

fn event(table: &Table, cx: &mut Cx<'_>) -> Option<Action> {
    let word = table.text("event");
    let event = Event::ALL.into_iter().find(|event| Some(event.word()) == word)?;
    match table.count("lost-writes").and_then(|lost| usize::try_from(lost).ok()) {
        None => Some(Action::Event(event)),
        Some(lost) if event == Event::PowerLoss => Some(Action::LosingPower(lost)),
        Some(_) => {
            let why = format!("nothing is lost with `{}`; `lost_writes` needs `power-loss`", event.word());
            cx.add(table.place("lost-writes"), why);
            None
        }
    }
}

/// A fault on the link to the CSSM above needs a peer that has one, at some time of the run, and a device that talks to
/// it: at a CSSM only its CSLU route leads through a CSLU.
pub(super) fn has_chains(scenario: &Scenario, problems: &mut Problems, tables: &[(String, Table)]) {
    let later = scenario
        .steps
        .iter()
        .filter_map(|step| if let Action::Peer(peer) = step.action { Some(peer) } else { None });
    let peers: Vec<_> = std::iter::once(scenario.peer).chain(later).collect();
    let peer = scenario.peer.word();
    let faults = tables.iter().filter_map(|(_, table)| table.one("fault"));
    for table in faults.filter(|table| table.text("link") == Some("upstream")) {
        if !peers.iter().copied().any(Peer::has_upstream) {
            let why = format!(
                "the peer `{peer}` has no CSSM above it: take `cslu` or `on-prem`, or `cssm` at its CSLU route"
            );
            problems.add(table.place("link"), why);
            continue;
        }
        if peers.iter().any(|peer| peer.has_upstream() && *peer != Peer::Cssm) {
            continue;
        }
        let named: &[String] =
            if let Some(Item::Names(names)) = table.item_of("devices") { names } else { &[] };
        let meant = |keys: &&Device| named.is_empty() || named.iter().any(|name| is_called(keys, name));
        let mut meant = scenario.devices.iter().filter(meant);
        if !meant.any(|keys| may_use_cslu(keys, scenario)) {
            let why = format!(
                "no device here goes through a CSLU: with the peer `{peer}` that needs `transport = \"cslu\"`; else take the peer `cslu` or `on-prem`"
            );
            problems.add(table.place("link"), why);
        }
    }
}

/// Whether a device goes to a CSLU from its start, or may be told to.
fn may_use_cslu(keys: &Device, scenario: &Scenario) -> bool {
    let told = |step: &Step| matches!(&step.action, Action::Command(lines, _) if lines.iter().any(|line| line.contains("cslu")));
    let urls = [&keys.licensing.url_smart, &keys.licensing.url_callhome];
    keys.settings.transport == TransportMode::Cslu
        || keys.startup_config.is_some()
        || urls.iter().any(|url| url.contains("cslu"))
        || scenario.steps.iter().any(told)
}

fn fault(table: &Table, device: Option<usize>, cx: &mut Cx<'_>) -> Option<Action> {
    let Some(kind) = table.text("kind").and_then(Kind::by_word) else {
        if !table.is_given("kind") {
            cx.add(&table.place, "`kind` is missing: what happens, such as \"unreachable\"");
        }
        return None;
    };
    let own = device.and_then(|at| cx.devices.get(at)).map(|device| device.name.clone());
    let devices = match table.item_of("devices") {
        Some(Item::Names(names)) => names.clone(),
        _ => own.into_iter().collect(),
    };
    let known = |name: &str| cx.devices.iter().any(|device| is_called(device, name));
    if let Some(unknown) = devices.iter().find(|name| !known(name)) {
        let hint = did_you_mean(unknown, cx.devices.iter().map(|device| device.name.as_str()));
        let why = format!("no device is called `{unknown}`{hint}");
        cx.add(table.place("devices"), why);
    }
    let spec = Spec {
        span: table.span("for"),
        next: table.count("next"),
        after: table.count("after"),
        every: table.count("every"),
        ramp: table.span("ramp"),
        on: table.span("on"),
        off: table.span("off"),
        distribution: table.text("distribution").and_then(Distribution::by_word),
        spread: table.span("spread"),
        upstream: table.text("link") == Some("upstream"),
        probability: if let Some(Item::Share(share)) = table.item_of("probability") {
            Some(*share)
        } else {
            None
        },
        devices,
        purpose: table.text("purpose").and_then(Purpose::by_word),
        status: table.count("status").and_then(|status| u16::try_from(status).ok()),
        retry_after_s: table.count("retry-after").and_then(|seconds| u32::try_from(seconds).ok()),
        by_ms: if let Some(Item::SignedSpan(by)) = table.item_of("by") { Some(*by) } else { None },
        why: table.owned("why"),
        ..Spec::of(kind)
    };
    match Fault::resolve(spec) {
        Ok(fault) => Some(Action::Fault(fault)),
        Err(wrong) => {
            let place = wrong.key.map_or(&table.place, |key| table.place(key));
            cx.add(place, wrong.why);
            None
        }
    }
}

/// Whether a text of `devices` names this device: by name, serial number or UDI.
pub(in crate::scenario) fn is_called(device: &Device, name: &str) -> bool {
    device.name == name || slpsim_cssm::fault::is_called(name, &device.udi)
}

fn clock(table: &Table, cx: &mut Cx<'_>) -> Option<Action> {
    let given: Vec<_> = ["step", "drift", "ntp"].into_iter().filter(|key| table.has(key)).collect();
    let change = match (given.as_slice(), table.item_of("step")) {
        (["step"], Some(Item::SignedSpan(step))) => ClockChange::Step(*step),
        (["drift"], _) => {
            let text = table.text("drift").unwrap_or_default();
            let Some(gain) = drift(text) else {
                let why =
                    format!("`{text}` is no drift: write a span a day or an hour, such as 10s/d or -200ms/h");
                cx.add(table.place("drift"), why);
                return None;
            };
            ClockChange::Drift(gain)
        }
        (["ntp"], _) => ClockChange::Synced,
        _ => {
            cx.add(&table.place, "`clock` has one of `step`, `drift` and `ntp`");
            return None;
        }
    };
    Some(Action::Clock(change))
}

/// Milliseconds a day of a drift such as `10s/d`; at most an hour a day.
fn drift(text: &str) -> Option<i64> {
    let (span, per) = text.split_once('/')?;
    let (sign, span) = match span.strip_prefix('-') {
        Some(span) => (-1, span),
        None => (1, span.strip_prefix('+').unwrap_or(span)),
    };
    let hours = match per {
        "d" => 1,
        "h" => 24,
        _ => return None,
    };
    let gain = i64::try_from(parse_span(span).ok()?.as_millis()).ok()?.checked_mul(hours)?;
    (gain <= 3_600_000).then_some(sign * gain)
}

fn usage(table: &Table, device: Option<usize>, cx: &mut Cx<'_>) -> Option<Action> {
    for key in ["license", "count"].into_iter().filter(|key| !table.is_given(key)) {
        cx.add(&table.place, format!("`{key}` is missing"));
    }
    let name = table.text("license")?;
    let count = table.count("count").and_then(|count| u32::try_from(count).ok())?;
    let profile = cx.devices.get(device.unwrap_or(0))?.profile.profile();
    let Some((license, _)) = profile.license(name) else {
        let hint = did_you_mean(name, profile.licenses.iter().map(|license| license.name));
        cx.add(table.place("license"), format!("profile {} has no licence `{name}`{hint}", profile.name));
        return None;
    };
    Some(Action::Usage(Usage { license, count }))
}

fn network(table: &Table, cx: &mut Cx<'_>) -> Option<Action> {
    let firewall =
        if let Some(Item::Rules(rules)) = table.item_of("firewall") { Some(rules.clone()) } else { None };
    let gone = if let Some(Item::Names(names)) = table.item_of("gone") { names.clone() } else { Vec::new() };
    let hosts = table.one("hosts").map_or(&[][..], |hosts| &hosts.free);
    let hosts = hosts.iter().filter_map(|(name, _, item)| {
        if let Item::Ip(address) = item { Some((name.clone(), *address)) } else { None }
    });
    let change = NetworkChange { firewall, hosts: hosts.collect(), gone };
    if change == NetworkChange::default() {
        cx.add(&table.place, "`network` changes nothing: give `firewall`, `hosts` or `gone`");
        return None;
    }
    Some(Action::Network(change))
}

/// A table without `name` takes the policy away.
fn policy(table: &Table) -> Option<Action> {
    let days = |key| table.count(key).and_then(|days| u16::try_from(days).ok());
    let values = Values { first: days("first"), ongoing: days("ongoing"), on_change: days("on-change") };
    let policy = table.text("name").map(|name| Policy {
        ack_required: Some(!table.has("ack-required") || table.flag("ack-required")),
        ..Policy::nxos(name, values)
    });
    Some(Action::Policy(policy))
}

fn manage(table: &Table, cx: &mut Cx<'_>) -> Option<Action> {
    let Some(text) = table.text("call") else {
        if table.is_given("call") {
            return None;
        }
        cx.add(&table.place, "`call` is missing: method and path, such as \"POST tokens\"");
        return None;
    };
    let body = if let Some(Item::Any(node)) = table.item_of("body") { Some(node) } else { None };
    let call = match Call::read(text, body) {
        Ok(call) => call,
        Err((in_body, why)) => {
            cx.add(table.place(if in_body { "body" } else { "call" }), why);
            return None;
        }
    };
    let mut saves = Vec::new();
    for (variable, place, item) in table.one("save").map_or(&[][..], |save| &save.free) {
        if let Item::Text(key) = item {
            if call.answers().contains(&key.as_str()) {
                saves.push((variable.clone(), key.clone()));
            } else {
                let hint = did_you_mean(key, call.answers().iter().copied());
                cx.add(place, format!("the answer to `{text}` has no `{key}`{hint}"));
            }
        }
    }
    Some(Action::Manage(call, saves))
}
