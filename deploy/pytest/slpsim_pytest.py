"""slpsim in pytest: scenario files as tests, and daemons as fixtures.

Copy this file beside your tests and load it from their conftest.py:

    pytest_plugins = ["slpsim_pytest"]

Scenario files: every *.toml file in a folder that the ini option `slpsim_scenarios` names becomes one test for each
combination of its matrix. A failed test prints what slpsim prints: expected, seen, the nearest messages, the command
that plays it again.

Fixtures:

    slpsim          runs the program: slpsim("messages", "--check", "lines.txt") -> CompletedProcess
    slpsim_run      starts `slpsim run`, waits until it is ready, ends it after the test
    slpsim_cssm     the same for `slpsim cssm`

The program is `--slpsim=PATH`, else the variable SLPSIM, else `slpsim` in PATH. pytest 7 or later, and nothing else.
"""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

READY_S = 60
"""How long a daemon may need until it is ready."""
END_S = 10
"""How long it may need to end."""


def pytest_addoption(parser):
    group = parser.getgroup("slpsim")
    group.addoption("--slpsim", metavar="PATH", help="the program (default: $SLPSIM, else slpsim in PATH)")
    group.addoption(
        "--slpsim-mode",
        choices=["sim", "lockstep"],
        default="sim",
        help="how scenario files are played (default: sim)",
    )
    parser.addini("slpsim_scenarios", "folders whose *.toml files are scenarios", type="args", default=[])


def pytest_configure(config):
    given = config.getoption("--slpsim") or os.environ.get("SLPSIM")
    if given and shutil.which(given) is None:
        raise pytest.UsageError("there is no program {!r}: give --slpsim=PATH or set SLPSIM".format(given))


def _program(config):
    return config.getoption("--slpsim") or os.environ.get("SLPSIM") or "slpsim"


def _call(config, *args, **options):
    try:
        return subprocess.run(
            [_program(config), *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            **options,
        )
    except FileNotFoundError:
        raise pytest.UsageError(
            "there is no program {!r}: give --slpsim=PATH or set SLPSIM".format(_program(config))
        ) from None


# Scenario files as tests.


def pytest_collect_file(file_path, parent):
    folders = [(parent.config.rootpath / name).resolve() for name in parent.config.getini("slpsim_scenarios")]
    is_ours = file_path.suffix == ".toml" and file_path.resolve().parent in folders
    if is_ours and not _is_part(parent.config, file_path):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


_CHECKED = {}


def _is_part(config, path):
    """Whether a file is only a part of others in its folder: included by one, without a name of its own."""
    folder = str(path.parent)
    if folder not in _CHECKED:
        done = _call(config, "scenario", "check", folder, "--output", "json")
        # Without an answer every file speaks for itself.
        _CHECKED[folder] = json.loads(done.stdout) if done.stdout.strip() else None
    checked = _CHECKED[folder]
    if checked is None:
        return False
    return str(path) not in checked["files"] and not any(str(path) in line for line in checked["problems"])


class ScenarioFile(pytest.File):
    """A scenario file: played once, however many combinations it has."""

    _runs = None

    def collect(self):
        done = _call(self.config, "scenario", "list", self.path, "--output", "json")
        if done.returncode != 0:
            raise self.CollectError(done.stderr.strip())
        seen = {}
        for position, scenario in enumerate(json.loads(done.stdout)):
            # Values that are printed alike give the same name twice; a test has an id of its own all the same.
            name = scenario["name"]
            seen[name] = seen.get(name, 0) + 1
            item = ScenarioItem.from_parent(self, name=name if seen[name] == 1 else "{} #{}".format(name, seen[name]))
            item.position = position
            yield item

    def runs(self):
        if self._runs is None:
            mode = self.config.getoption("--slpsim-mode")
            done = _call(self.config, "scenario", "run", self.path, "--mode", mode, "--output", "json")
            # 1: an expectation failed, which the runs say; anything else is no verdict.
            if done.returncode not in (0, 1):
                raise ScenarioFailed(done.stderr.strip())
            self._runs = json.loads(done.stdout)["runs"]
        return self._runs


class ScenarioItem(pytest.Item):
    """One combination of a scenario file."""

    position = 0

    def runtest(self):
        run = self.parent.runs()[self.position]
        if not run["passed"]:
            raise ScenarioFailed(told(run))

    def repr_failure(self, excinfo, *args, **kwargs):
        if isinstance(excinfo.value, ScenarioFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args, **kwargs)

    def reportinfo(self):
        return self.path, 0, self.name


class ScenarioFailed(Exception):
    """A scenario did not go as expected; the text says why."""


def told(run):
    """What is to be read of a run that failed."""
    lines = []
    for verdict in run["verdicts"]:
        if verdict["passed"]:
            continue
        lines.append("{}: expected {}".format(verdict["place"], verdict["expected"]))
        lines.append("  seen: {}".format(verdict["seen"]))
        lines.extend("  near: {}".format(near) for near in verdict["near"])
    lines.extend(run["warnings"])
    lines.append("seed {}; again: {}".format(run["seed"], run["command"]))
    return "\n".join(lines)


# Daemons as fixtures.


class Daemon:
    """A running `slpsim run` or `slpsim cssm`.

    `ready` is its ready file (docs/interface.md §2): URLs, tokens, CA, control socket.
    """

    def __init__(self, config, command, args, folder):
        self._config = config
        self.errors = folder / "stderr.txt"
        ready = folder / "ready.json"
        with open(str(self.errors), "wb") as errors:
            self._process = subprocess.Popen(
                [_program(config), command, *map(str, args), "--ready-file", str(ready)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        end = time.monotonic() + READY_S
        # The file appears whole, or not at all.
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                said = self.errors.read_text(errors="replace")
                raise RuntimeError("slpsim {} did not become ready: {}".format(command, said))
            time.sleep(0.02)
        self.ready = json.loads(ready.read_text())

    def manage(self, method, path, body=None):
        """A call of the mock's management interface; the JSON that it answers."""
        request = urllib.request.Request(
            "{}/{}".format(self.ready["urls"]["manage"], path),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": "Bearer {}".format(self.ready.get("manage_token", "")),
                "Content-Type": "application/json",
            },
        )
        # Never through a proxy: it is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=READY_S) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError("{} {}: {}".format(method, path, error.read().decode())) from None
        return json.loads(text) if text else None

    def exec(self, *lines):
        """Console lines on its device; what they print. A refusal of the device is an error."""
        done = _call(self._config, "exec", "--control", self.ready["control"], *lines)
        if done.returncode != 0:
            raise RuntimeError((done.stdout + done.stderr).strip())
        return done.stdout

    def advance(self, span):
        """Moves its clock, such as by "4h"; for `slpsim run` with the mock inside."""
        done = _call(self._config, "advance", "--control", self.ready["control"], span)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())

    def stop(self):
        """Ends it cleanly."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _starter(request, tmp_path_factory, command, listen):
    started = []

    def start(*args):
        folder = tmp_path_factory.mktemp("slpsim")
        state = [] if "--state" in args else ["--state", folder / "state"]
        daemon = Daemon(request.config, command, [*listen, *state, *args], folder)
        started.append(daemon)
        return daemon

    request.addfinalizer(lambda: [daemon.stop() for daemon in reversed(started)])
    return start


@pytest.fixture
def slpsim(request):
    """Runs the program to its end."""

    def run(*args, **options):
        return _call(request.config, *args, **options)

    return run


@pytest.fixture
def slpsim_run(request, tmp_path_factory):
    """Starts `slpsim run ARGS...` with a state folder of its own."""
    return _starter(request, tmp_path_factory, "run", [])


@pytest.fixture
def slpsim_cssm(request, tmp_path_factory):
    """Starts `slpsim cssm ARGS...` on free ports."""
    ports = ["--listen", "127.0.0.1:0", "--listen-plain", "127.0.0.1:0", "--listen-manage", "127.0.0.1:0"]
    return _starter(request, tmp_path_factory, "cssm", ports)
