"""Tab in the real shells, typed into a real terminal: what it makes of a line is what the command then gets."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.site import PATIENCE_S, Site, new_site

SHELLS = {"bash": "bash --norc", "zsh": "zsh -f", "fish": "fish --no-config"}
NAMES = ("two words", "it's", 'say "hi"', "me, myself & i", "a:b", "$dollar `x` \\", "千と 千尋")
TYPED = (
    ("tw", "two words"),
    ("two\\ w", "two words"),
    ('"two w', "two words"),
    ("it", "it's"),
    ('"it', "it's"),
    ("sa", 'say "hi"'),
    ('"sa', 'say "hi"'),
    ("'sa", 'say "hi"'),
    ("me", "me, myself & i"),
    ("a:", "a:b"),
    ("\\$d", "$dollar `x` \\"),
    ("千", "千と 千尋"),
)
"""What is typed before Tab, and the project that it then names."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with new_site() as made:
        for name in NAMES:
            made.film(name)
        (made.root / "some films").mkdir()
        yield made


class Shell:
    """An interactive shell in the root, with completion for the three programs."""

    def __init__(self, site: Site, shell: str) -> None:
        self._tmux_command = ["tmux", f"-S{site.folder / f'{shell}.sock'}"]
        self._environ = site.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh"
        }  # fmt: skip
        self._tmux(
            *("-f/dev/null", "new-session", "-d", "-x", "200", "-y", "50", "-s", "s", "-c", str(site.root)),
            SHELLS[shell],
        )
        for program in ("framectl", "framed", "frame-extractor"):
            source = (
                f"{program} completion fish | source" if shell == "fish" else f'eval "$({program} completion {shell})"'
            )
            self.type(source, "Enter")
        if shell == "fish":
            self.type("set -g fish_autosuggestion_enabled 0", "Enter")
        self.type("echo re''ady", "Enter")
        self.sees_line("ready")

    def type(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "s", *(each.replace(";", "\\;") for each in keys))

    def completes(self, typed: str, completed: str) -> None:
        """Tab makes the one line of the other."""
        self.type("C-u")
        self.type("-l", typed)
        self.type("Tab")
        self.sees(lambda screen: screen.rstrip().endswith(completed), completed)
        self.type("C-u")

    def sees_line(self, begin: str) -> None:
        """A line of output that begins so, sooner or later."""
        self.sees(lambda screen: any(line.startswith(begin) for line in screen.splitlines()), begin)

    def sees(self, condition: Callable[[str], bool], what: str = "") -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition(screen := self.screen()):
            assert time.monotonic() < deadline, f"not seen: {what}; there is:\n{screen}"
            time.sleep(0.02)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "s")

    def clear(self) -> None:
        self.type("C-u", "C-l")
        self.sees(lambda screen: len(screen.strip().splitlines()) <= 1)

    def close(self) -> None:
        self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> str:
        command = [*self._tmux_command, *arguments]
        return subprocess.run(
            command, env=self._environ, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        ).stdout


@contextlib.contextmanager
def opened(site: Site, shell: str) -> Iterator[Shell]:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    started = Shell(site, shell)
    try:
        yield started
    finally:
        started.close()


@pytest.mark.parametrize("shell", SHELLS)
def test_name_with_spaces_and_quotes_is_completed_to_one_word(site: Site, shell: str) -> None:
    """However it was begun: bare, escaped, or in quotes."""
    with opened(site, shell) as terminal:
        for typed, name in TYPED:
            terminal.clear()
            terminal.type("-l", f"framectl show {typed}")
            # The shell reads on when the completion is there; then printf shows what framectl would have been given.
            terminal.type("Tab", "C-a")
            terminal.type("-l", "printf '%s|' ")
            terminal.type("Enter")
            terminal.sees_line(f"framectl|show|{name}|")


@pytest.mark.parametrize("shell", SHELLS)
def test_values_of_options_are_completed(site: Site, shell: str) -> None:
    """Choices, states behind a comma, folders and films; behind a space and behind an equals sign."""
    with opened(site, shell) as terminal:
        terminal.clear()
        for typed, completed in (
            ("framectl submit --mode sc", "--mode scene"),
            ("framectl submit --mode=sc", "--mode=scene"),
            ("framectl status --state FAILED,RUN", "--state FAILED,RUNNING"),
            ("framectl --root so", "--root some\\ films/"),
            ("framed doc", "framed doctor"),
            ("frame-extractor --quality med", "--quality medium"),
            ("frame-extractor --sampling=ex", "--sampling=exact"),
            ("frame-extractor pro", "frame-extractor probe"),
            ("frame-extractor probe raw_videos/tw", "raw_videos/two\\ words/"),
            ("frame-extractor x.mkv -o so", "-o some\\ films/"),
        ):
            terminal.completes(typed, completed)
