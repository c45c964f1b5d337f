"""What all tests share: nothing of the user's framed is seen or touched; roots; where the real films are."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.harness.root import Root, roots

_FILMS_DIR = Path(__file__).resolve().parents[2] / "shared" / "films"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-snapshots", action="store_true", help="write the tables as they are now")
    parser.addoption("--must-run", action="store_true", help="fail when no test ran to its end, as when all skip")
    parser.addoption("--boot", action="store_true", help="boot a Debian as root, for the tests that need one")


def pytest_configure() -> None:
    # A shell's background job ignores Ctrl-C, and `nohup` hang-ups; so would every process that a test starts and ends.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # How long an example takes says something of the machine only: of 0.2 s for each it may give all to others.
    unhurried = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.register_profile("unhurried", unhurried)
    hypothesis.settings.load_profile("unhurried")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workerinput"):
        # One of several processes that share the tests; the one that started them counts for all.
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    if session.config.getoption("--must-run") and exitstatus == pytest.ExitCode.OK and not reporter.stats.get("passed"):
        reporter.write_line("no test ran to its end", red=True)
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_user() -> Iterator[None]:
    """Daemons that tests start are not among the user's, and no command finds the user's root or obeys their shell."""
    # Short, because sockets lie in it; tmp_path would be too long for them.
    runtime_dir = tempfile.mkdtemp(prefix="framed-run-")
    state_home = tempfile.mkdtemp(prefix="framed-state-")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_RUNTIME_DIR", runtime_dir)
        environment.setenv("XDG_STATE_HOME", state_home)
        # PYTHONUNBUFFERED hides what becomes of output that is still in a buffer when its reader has gone.
        for name in ("FRAMED_ROOT", "TMUX", "TMUX_PANE", "PYTHONUNBUFFERED", "DBUS_SESSION_BUS_ADDRESS"):
            environment.delenv(name, raising=False)
        yield
    shutil.rmtree(runtime_dir, ignore_errors=True)
    shutil.rmtree(state_home, ignore_errors=True)


@pytest.fixture(scope="session")
def films_dir() -> Path:
    """The folder of real films beside the repository; the test is skipped where there is none."""
    if not _FILMS_DIR.is_dir():
        pytest.skip(f"no real films: {_FILMS_DIR} is not there")
    return _FILMS_DIR


@pytest.fixture
def new_root(tmp_path: Path) -> Iterator[Callable[..., Root]]:
    """Makes roots; see `Root`. Nothing of them runs on after the test."""
    yield from roots(tmp_path)


@pytest.fixture
def root(new_root: Callable[..., Root]) -> Root:
    return new_root()
