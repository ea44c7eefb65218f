//! `slpsim scenario`: scripted tests in simulated time (`interface.md` §6).

mod digest;
mod explore;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use slpsim_config::reader::did_you_mean;
use slpsim_sim::scenario::{self, Options, Outcome, RunError, Scenario};
use slpsim_transport::fault;

use self::digest::Digest;
use self::explore::ExploreArgs;
use super::catalogue::Format;
use super::options::OutputForm;
use super::output;
use crate::error::{BlameUser, UserError, user_error};

/// `slpsim scenario`
#[derive(Debug, Subcommand)]
pub(crate) enum ScenarioCommand {
    /// Play scenario files and judge them
    ///
    /// A failed expectation prints what was expected, what was seen, the nearest messages, the seed, and the command that
    /// plays it again. The digest stands for all that happened: it is the same with any number of jobs. Exit codes: 0 all passed, 1 one failed, 2 a file is wrong.
    Run(Box<RunArgs>),
    /// Say what is wrong with scenario files, without playing them
    Check(FilesArgs),
    /// List scenarios with what they show
    List(FilesArgs),
    /// Look for a sequence of faults that breaks what must always hold
    ///
    /// Plays every sequence of up to three faults at every persist, send and reply of a short life (trust, report, ACK,
    /// second report), then random lives of a year with faults, commands, reloads, losses of power and clock steps. Every
    /// call of the agent is checked. A life that breaks an invariant is shrunk to a short scenario file. Exit codes: 0
    /// every invariant holds, 1 one is broken.
    Explore(ExploreArgs),
    /// Print the fault table
    Faults {
        /// In which form
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print every key of a scenario file with type, default and meaning
    Reference,
}

/// Files and folders.
#[derive(Debug, Args)]
pub(crate) struct FilesArgs {
    /// Scenario files, and folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// `slpsim scenario run`
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    files: FilesArgs,
    /// In place of the files' seeds
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How time passes
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// In lockstep: how long a device really waits where nobody answers
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = slpsim_config::parse_span)]
    lockstep_timeout: std::time::Duration,
    /// So many scenarios at once [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Only combinations of a matrix with this value; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    matrix: Vec<(String, String)>,
    /// Leave out the faults, and what else a scenario says it is about: it should fail then
    #[arg(long)]
    without_cause: bool,
    /// Write a page with a timeline for each scenario, for a browser or for paper
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write everything that happened, as JSON lines
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write the lines of the devices
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// `--mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Simulated time in one process
    #[default]
    Sim,
    /// Simulated time too, but every exchange by real HTTPS on the loopback
    Lockstep,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) fn scenario(command: &ScenarioCommand, form: OutputForm) -> Result<ExitCode> {
    match command {
        ScenarioCommand::Run(args) => run(args, form),
        ScenarioCommand::Check(args) => check(&args.files, form),
        ScenarioCommand::List(args) => {
            output::print(&list(&load(&args.files)?, form))?;
            Ok(ExitCode::SUCCESS)
        }
        ScenarioCommand::Explore(args) => explore::explore(args, form),
        ScenarioCommand::Faults { format } => {
            output::print(&fault::print(match (format, form) {
                (Format::Json, _) | (Format::Text, OutputForm::Json) => fault::Form::Json,
                (Format::Md, _) => fault::Form::Markdown,
                (Format::Text, OutputForm::Text) => fault::Form::Text,
            }))?;
            Ok(ExitCode::SUCCESS)
        }
        ScenarioCommand::Reference => {
            output::print(&scenario::reference())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `1 file`, `2 files`
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Says what is wrong; as JSON on standard output too, for whoever reads that.
fn check(paths: &[PathBuf], form: OutputForm) -> Result<ExitCode> {
    let (scenarios, problems) = read(paths)?;
    let files: BTreeSet<_> = scenarios.iter().map(|scenario| &scenario.file).collect();
    if form == OutputForm::Json {
        let all = json!({"files": files, "scenarios": scenarios.len(), "problems": problems});
        output::print(&format!("{all}\n"))?;
    }
    if !problems.is_empty() {
        return Err(UserError(problems.join("\n")).into());
    }
    if form == OutputForm::Text {
        let files = counted(files.len(), "file is right", "files are right");
        output::print(&format!("{files}: {}\n", counted(scenarios.len(), "scenario", "scenarios")))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads files and the `*.toml` files of folders; everything that is wrong is said at once.
fn load(paths: &[PathBuf]) -> Result<Vec<Scenario>> {
    let (scenarios, problems) = read(paths)?;
    if problems.is_empty() { Ok(scenarios) } else { Err(UserError(problems.join("\n")).into()) }
}

/// The scenarios, and what is wrong with the files that have none.
fn read(paths: &[PathBuf]) -> Result<(Vec<Scenario>, Vec<String>)> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = in_folder(path).with_context(|| path.display().to_string()).blame_user()?;
            // What others of the folder include, and what has no name of its own, is a part of them.
            let parts = scenario::parts(&found);
            files.extend(found.into_iter().filter(|file| !parts.contains(file)));
        } else {
            files.push(path.clone());
        }
    }
    let (mut scenarios, mut problems) = (Vec::new(), Vec::new());
    for file in &files {
        match scenario::load(file) {
            Ok(loaded) => scenarios.extend(loaded),
            Err(error) => problems.extend(error.to_string().lines().map(str::to_owned)),
        }
    }
    if scenarios.is_empty() && problems.is_empty() {
        return Err(user_error("no scenario files there: a folder is searched for *.toml"));
    }
    Ok((scenarios, problems))
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn list(scenarios: &[Scenario], form: OutputForm) -> String {
    match form {
        OutputForm::Text => scenarios.iter().fold(String::new(), |mut out, scenario| {
            let shows = scenario.shows.as_deref().unwrap_or("–");
            // Writing to a String does not fail.
            let _ = writeln!(out, "{}\n    {}  {shows}", scenario.title(), scenario.file);
            out
        }),
        OutputForm::Json => {
            let rows: Vec<_> = scenarios
                .iter()
                .map(|scenario| {
                    json!({"name": scenario.title(), "file": scenario.file, "shows": scenario.shows, "seed": scenario.seed})
                })
                .collect();
            format!("{}\n", json!(rows))
        }
    }
}

fn run(args: &RunArgs, form: OutputForm) -> Result<ExitCode> {
    let mode = match args.mode {
        Mode::Sim => scenario::Mode::Sim,
        Mode::Lockstep => scenario::Mode::Lockstep,
    };
    let mut scenarios = load(&args.files.files)?;
    let known: Vec<_> = scenarios.iter().flat_map(|scenario| scenario.matrix.iter().cloned()).collect();
    scenarios.retain(|scenario| args.matrix.iter().all(|pair| scenario.matrix.contains(pair)));
    if scenarios.is_empty() {
        return Err(user_error(no_combination(&known, &args.matrix)));
    }
    if let Some(folder) = &args.report {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string()).blame_user()?;
    }
    let mut files = Files::create(args)?;
    let mut played = Vec::with_capacity(scenarios.len());
    let mut digest = Digest::default();
    let mut pages = Vec::new();
    let options = Options {
        mode,
        lockstep_timeout: args.lockstep_timeout,
        seed: args.seed,
        without_cause: args.without_cause,
        course: args.report.is_some(),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cores, usize::from).min(scenarios.len());
    play_all(&scenarios, options, jobs, |scenario, result, seconds| {
        let mut outcome = match result {
            Ok(outcome) => outcome,
            Err(error @ (RunError::Restore(_) | RunError::Lockstep(_))) => return Err(error.into()),
            Err(error) => return Err(user_error(format!("{}: {error}", scenario.file))),
        };
        if form == OutputForm::Text {
            output::print(&line(&outcome))?;
        }
        for warning in outcome.warnings() {
            tracing::warn!("{}: {warning}", outcome.title);
        }
        digest.add(&outcome);
        files.write(&outcome)?;
        if let Some(folder) = &args.report {
            let name = scenario::page_name(played.len() + 1, &outcome);
            let path = folder.join(&name);
            let written = std::fs::write(&path, scenario::page(&outcome));
            written.with_context(|| path.display().to_string()).blame_user()?;
            pages.push(name);
        }
        // What has been written is not needed any more.
        outcome.trace = scenario::Trace::default();
        outcome.log = Vec::new();
        // Faults stay: JSON counts what they hit.
        outcome.course.states = Vec::new();
        played.push((outcome, seconds));
        Ok(())
    })?;
    files.finish()?;
    if let Some(folder) = &args.report {
        let path = folder.join("index.html");
        let all: Vec<_> = pages.into_iter().zip(played.iter().map(|(outcome, _)| outcome)).collect();
        std::fs::write(&path, scenario::index(&all))
            .with_context(|| path.display().to_string())
            .blame_user()?;
    }
    if let Some(path) = &args.junit {
        std::fs::write(path, scenario::junit(&played))
            .with_context(|| path.display().to_string())
            .blame_user()?;
    }
    let failed = played.iter().filter(|(outcome, _)| !outcome.passed()).count();
    let passed = played.len() - failed;
    match form {
        OutputForm::Text => output::print(&format!("{passed} passed, {failed} failed, digest {digest}\n"))?,
        OutputForm::Json => {
            let runs: Vec<_> = played.iter().map(|(outcome, _)| scenario::json(outcome)).collect();
            let digest = digest.to_string();
            let all = json!({"passed": passed, "failed": failed, "digest": digest, "runs": runs});
            output::print(&format!("{all}\n"))?;
        }
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// Why nothing is left to be played: a key or value that no matrix has, or values that never come together.
fn no_combination(known: &[(String, String)], wanted: &[(String, String)]) -> String {
    let listed = |values: BTreeSet<&str>| values.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
    for (key, value) in wanted {
        let values: BTreeSet<&str> =
            known.iter().filter(|(own, _)| own == key).map(|(_, value)| value.as_str()).collect();
        if values.is_empty() {
            let keys: BTreeSet<&str> = known.iter().map(|(key, _)| key.as_str()).collect();
            let hint = did_you_mean(key, keys.iter().copied());
            return match keys.is_empty() {
                true => format!("--matrix {key}={value}: no file has a matrix"),
                false => {
                    format!("--matrix {key}={value}: no matrix has `{key}`{hint} (it has {})", listed(keys))
                }
            };
        }
        if !values.contains(value.as_str()) {
            return format!("--matrix {key}={value}: `{key}` is one of {}", listed(values));
        }
    }
    "no combination of a matrix has all the values of --matrix together".into()
}

/// Words that are listed in an error.
const LISTED: usize = 40;

/// What is said of one outcome.
fn line(outcome: &Outcome) -> String {
    let word = if outcome.passed() { "PASS" } else { "FAIL" };
    let mut out = format!("{word}  {}  ({})\n", outcome.title, outcome.file);
    for line in outcome.failure_text().lines() {
        // Writing to a String does not fail.
        let _ = writeln!(out, "      {line}");
    }
    out
}

/// Plays all, `jobs` at a time, and hands the results over in their order.
fn play_all(
    scenarios: &[Scenario],
    options: Options,
    jobs: usize,
    mut take: impl FnMut(&Scenario, Result<Outcome, RunError>, f64) -> Result<()>,
) -> Result<()> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    // Bounded, so that traces do not pile up behind a slow one.
    let (sender, results) = mpsc::sync_channel(jobs);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (sender, next, stop) = (sender.clone(), &next, &stop);
            scope.spawn(move || {
                loop {
                    let position = next.fetch_add(1, Ordering::Relaxed);
                    let Some(scenario) = scenarios.get(position).filter(|_| !stop.load(Ordering::Relaxed))
                    else {
                        return;
                    };
                    // Whatever is logged meanwhile, by mock or client too, says in which scenario.
                    let _named = tracing::error_span!("scenario", name = %scenario.title()).entered();
                    let begin = Instant::now();
                    let result = scenario::run(scenario, &options);
                    if sender.send((position, result, begin.elapsed().as_secs_f64())).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        let mut outcome = Ok(());
        for (position, result, seconds) in results {
            waiting.insert(position, (result, seconds));
            while let Some((result, seconds)) = waiting.remove(&due) {
                if let (true, Some(scenario)) = (outcome.is_ok(), scenarios.get(due)) {
                    outcome = take(scenario, result, seconds);
                    stop.store(outcome.is_err(), Ordering::Relaxed);
                }
                due += 1;
            }
        }
        outcome
    })
}

/// The files that a run writes as it goes.
struct Files {
    trace: Option<(PathBuf, BufWriter<File>)>,
    log: Option<(PathBuf, BufWriter<File>)>,
}

impl Files {
    fn create(args: &RunArgs) -> Result<Self> {
        let open = |path: &Option<PathBuf>| {
            let open = |path: &PathBuf| {
                let file = File::create(path).with_context(|| path.display().to_string()).blame_user()?;
                anyhow::Ok((path.clone(), BufWriter::new(file)))
            };
            path.as_ref().map(open).transpose()
        };
        Ok(Self { trace: open(&args.trace)?, log: open(&args.log)? })
    }

    fn write(&mut self, outcome: &Outcome) -> Result<()> {
        if let Some((path, file)) = &mut self.trace {
            for entry in &outcome.trace.entries {
                let mut object = entry.to_json(outcome);
                if let Some(map) = object.as_object_mut() {
                    map.insert("scenario".into(), outcome.title.as_str().into());
                }
                writeln!(file, "{object}").with_context(|| path.display().to_string())?;
            }
            for mut object in scenario::fault_entries(outcome) {
                if let Some(map) = object.as_object_mut() {
                    map.insert("scenario".into(), outcome.title.as_str().into());
                }
                writeln!(file, "{object}").with_context(|| path.display().to_string())?;
            }
        }
        if let Some((path, file)) = &mut self.log {
            for line in &outcome.log {
                writeln!(file, "{line}").with_context(|| path.display().to_string())?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        for (path, mut file) in [self.trace, self.log].into_iter().flatten() {
            file.flush().with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    const GOOD: &str = "name = \"good\"\nuntil = \"1h\"\n[matrix]\nn = [1, 2]\n[device]\n[[at]]\nt = \"0s\"\n\
        fault = { kind = \"stall\", next = \"{n}\" }\n[[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ncount = \"{n}\"\n";

    /// Just the commands of this file.
    #[derive(Debug, Parser)]
    struct Only {
        #[command(subcommand)]
        command: ScenarioCommand,
    }

    fn done(folder: &Path, line: &str) -> Result<ExitCode> {
        let words = line.split(' ').map(|word| word.replace("DIR", &folder.display().to_string()));
        scenario(&Only::try_parse_from(words).unwrap().command, OutputForm::Text)
    }

    fn code(result: &Result<ExitCode>) -> String {
        match result {
            Ok(code) => format!("{code:?}"),
            Err(error) => format!("{:?}", crate::error::exit_code(error)),
        }
    }

    #[test]
    fn the_exit_code_says_passed_failed_or_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("good.toml", GOOD);
        write("failing", &GOOD.replace("count = \"{n}\"", "count = 0"));
        write("wrong", &GOOD.replace("kind", "knd"));
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        for (line, expected) in [
            ("x run DIR/good.toml", 0),
            ("x run DIR", 0),
            ("x run DIR --jobs 1 --seed 9 --matrix n=2", 0),
            ("x run DIR/good.toml DIR/failing", 1),
            ("x run DIR --without-cause", 1),
            ("x run DIR/wrong", 2),
            ("x run DIR/good.toml DIR/wrong", 2),
            ("x run DIR/nothing", 2),
            ("x run DIR/empty", 2),
            ("x run DIR --matrix n=3", 2),
            ("x run DIR --mode lockstep --lockstep-timeout 50ms --matrix n=1", 0),
            ("x run DIR --mode lockstep --without-cause", 1),
            ("x check DIR", 0),
            ("x check DIR/wrong", 2),
            ("x list DIR", 0),
            ("x faults", 0),
            ("x faults --format md", 0),
            ("x reference", 0),
        ] {
            let result = done(folder.path(), line);
            assert_eq!(code(&result), format!("{:?}", ExitCode::from(expected)), "{line}: {result:?}");
        }
        let said = done(folder.path(), "x check DIR/wrong DIR/nothing").unwrap_err().to_string();
        assert!(said.contains("wrong:8:11: unknown key `knd` in [at.fault]; did you mean `kind`?"), "{said}");
        assert!(said.contains("cannot read"), "{said}");
    }

    #[test]
    fn a_run_leaves_a_report_a_trace_and_a_log_in_the_order_of_the_scenarios() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good.toml"), GOOD).unwrap();
        done(folder.path(), "x run DIR --junit DIR/j --trace DIR/t --log DIR/l --report DIR/pages").unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        for name in ["001-good-n-1.html", "002-good-n-2.html"] {
            assert!(read(&format!("pages/{name}")).contains("<svg"), "{name}");
            assert!(read("pages/index.html").contains(&format!("<a href=\"{name}\">")), "{name}");
        }
        assert!(read("j").contains("tests=\"2\" failures=\"0\""));
        let trace: Vec<serde_json::Value> =
            read("t").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(trace.first().unwrap()["scenario"], "good [n=1]");
        assert_eq!(trace.last().unwrap()["scenario"], "good [n=2]");
        let of = |event: &str| trace.iter().filter(|entry| entry["event"] == event).collect::<Vec<_>>();
        let struck = of("exchange").iter().filter(|entry| entry["fault"] == 1).count();
        assert_eq!(struck, 3);
        let counts: Vec<_> =
            of("fault").iter().map(|entry| (entry["met"].clone(), entry["hit"].clone())).collect();
        assert_eq!(counts, [(1.into(), 1.into()), (2.into(), 2.into())]);
        let failed = read("l").lines().filter(|line| line.contains("COMM_FAILED")).count();
        assert_eq!(failed, 3);
    }

    #[test]
    fn what_others_of_a_folder_include_is_a_part_of_them_and_no_scenario() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("good.toml", &format!("include = \"part.toml\"\n{GOOD}"));
        write("part.toml", "[[expect]]\nmessage = \"LOG_SMART_LIC_COMM_RESTORED\"\ncount = \"0..\"\n");
        assert_eq!(code(&done(folder.path(), "x run DIR")), format!("{:?}", ExitCode::SUCCESS));
        // By itself, and where nobody includes it, it is a scenario that says too little.
        assert!(
            done(folder.path(), "x check DIR/part.toml")
                .unwrap_err()
                .to_string()
                .contains("`name` is missing")
        );
        write("good.toml", GOOD);
        assert!(done(folder.path(), "x run DIR").unwrap_err().to_string().contains("part.toml"));
    }

    #[test]
    fn a_matrix_that_does_not_fit_is_told_its_keys_and_values() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good.toml"), GOOD).unwrap();
        std::fs::write(
            folder.path().join("plain"),
            GOOD.replace("[matrix]\nn = [1, 2]", "[variables]\nn = 1"),
        )
        .unwrap();
        for (line, said) in [
            ("x run DIR --matrix n=3", "--matrix n=3: `n` is one of 1, 2"),
            ("x run DIR --matrix nn=1", "--matrix nn=1: no matrix has `nn`; did you mean `n`? (it has n)"),
            ("x run DIR/plain --matrix n=1", "--matrix n=1: no file has a matrix"),
        ] {
            assert_eq!(done(folder.path(), line).unwrap_err().to_string(), said);
        }
    }
}
