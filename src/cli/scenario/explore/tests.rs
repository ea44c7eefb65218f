use clap::Parser;
use slpsim_agent::persist::{RestoreError, Saved};
use slpsim_agent::{CommandError, Cx, Input, Message, Output, ProfileId, Settings, Shared, Udi, Usage};

use super::*;

/// Just this command.
#[derive(Debug, Parser)]
struct Only {
    #[command(flatten)]
    args: ExploreArgs,
}

fn args(folder: &Path, line: &str) -> Result<ExploreArgs, clap::Error> {
    let words = line.split(' ').map(|word| word.replace("DIR", &folder.display().to_string()));
    Only::try_parse_from(words).map(|only| only.args)
}

/// An agent that says twice that all is well again.
#[derive(Clone, Debug)]
struct SaysTwice(Agent);

impl Subject for SaysTwice {
    fn new(profile: ProfileId, udi: Udi, settings: Settings, usage: &[Usage]) -> Self {
        Self(Agent::new(profile, udi, settings, usage))
    }

    fn restore(saved: Saved, settings: Settings, shared: &mut Shared) -> Result<Self, RestoreError> {
        Agent::restore(saved, settings, shared).map(Self)
    }

    fn agent(&self) -> &Agent {
        &self.0
    }

    fn set_settings(&mut self, settings: Settings) {
        self.0.set_settings(settings);
    }

    fn handle(&mut self, cx: &mut Cx<'_>, input: Input) {
        let first = cx.out.len();
        self.0.handle(cx, input);
        let again =
            cx.out[first..].iter().find(|output| matches!(output, Output::Log(Message::CommRestored { .. })));
        let again = again.cloned();
        cx.out.extend(again);
    }

    fn command(&mut self, cx: &mut Cx<'_>, command: slpsim_agent::Command) -> Result<(), CommandError> {
        self.0.command(cx, command)
    }
}

#[test]
fn the_exit_code_says_that_all_holds_or_that_something_broke() {
    let folder = tempfile::tempdir().unwrap();
    let said = |code: ExitCode| format!("{code:?}");
    let right = args(folder.path(), "x --seeds 3..9 --depth 1 --jobs 2 --out DIR").unwrap();
    assert_eq!(said(explore(&right, OutputForm::Text).unwrap()), said(ExitCode::SUCCESS));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing to write down");
    let wrong = args(folder.path(), "x --depth 1 --out DIR").unwrap();
    assert_eq!(
        said(explore_subject::<SaysTwice>(&wrong, OutputForm::Json).unwrap()),
        said(ExitCode::from(1))
    );
    let file = folder.path().join("explore-restored-once-faults.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.starts_with("# restored-once at "), "{written}");
    assert!(written.contains("slpsim scenario explore --depth 1"), "{written}");
    assert!(written.matches("[[at]]").count() <= 3, "{written}");
    assert!(slpsim_sim::scenario::load(&file).is_ok(), "{written}");
}

#[test]
fn a_wrong_option_says_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    for line in
        ["x --seeds 9", "x --seeds 9..3", "x --seeds a..b", "x --depth 5", "x --minutes 0", "x --jobs 0"]
    {
        assert!(args(folder.path(), line).is_err(), "{line}");
    }
    let nowhere = args(folder.path(), "x --seeds 0..1 --out DIR/nowhere").unwrap();
    let error = explore(&nowhere, OutputForm::Text).unwrap_err();
    assert!(error.to_string().ends_with("there is no such folder"), "{error}");
}

#[test]
fn without_options_faults_come_first_and_minutes_go_on_with_seeds() {
    let folder = Path::new("");
    for (line, expected) in [
        ("x", vec![Ground::Faults(3), Ground::Seeds(0..1_000)]),
        ("x --minutes 5", vec![Ground::Faults(3), Ground::Seeds(0..u64::MAX)]),
        ("x --minutes 5 --seeds 1..2", vec![Ground::Seeds(1..2)]),
        ("x --depth 4", vec![Ground::Faults(4)]),
    ] {
        assert_eq!(grounds(&args(folder, line).unwrap()), expected, "{line}");
    }
}
