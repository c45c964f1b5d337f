"""What both command lines share: --root before or after the verb, errors in one line, exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from framed.errors import Exit, FramedError
from framed.printable import printable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from framed.settings.places import Places

F = TypeVar("F", bound=Callable[..., Any])

VERBS: Final = {
    "framed": ("start", "stop", "config", "doctor", "install-service", "demo", "completion"),
    "framectl": (
        *("status", "projects", "show", "logs", "monitor", "attach"),
        *("submit", "retry", "cancel", "wait"),
        *("pause", "resume", "drain", "undrain", "reload"),
        *("clean", "completion", "version"),
    ),
}
"""In the order of `--help`."""
COLOR_WHEN: Final = ("auto", "never", "always")
CONTEXT_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


_COMPLETION_HELP: Final = """Print a shell script that makes Tab complete commands, options and values.

\b
bash: echo 'eval "$({program} completion bash)"' >> ~/.bashrc
zsh:  echo 'eval "$({program} completion zsh)"' >> ~/.zshrc
fish: {program} completion fish > ~/.config/fish/completions/{program}.fish
"""


class Verbs(click.Group):
    """The verbs of one of the two commands. The other one's verbs are refused with a hint."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return [name for name in VERBS[str(self.name)] if name in self.commands]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        for program, verbs in VERBS.items():
            if program != self.name and args[0] in verbs and args[0] not in self.commands and not ctx.resilient_parsing:
                raise click.UsageError(f"{args[0]} is a command of {program}; type: {program} {args[0]}", ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as unknown:
            verb = self._verb_with(unknown.option_name, typed)
            if verb is None or ctx.resilient_parsing:
                raise
            example = f"{self.name} {verb} {unknown.option_name}"
            raise click.UsageError(f"{unknown.option_name} goes after a command, as in: {example}", ctx) from None

    def _verb_with(self, option: str, typed: list[str]) -> str | None:
        """The typed verb that has this option, else the first verb that has it."""
        named = [word for word in typed if word in self.commands]
        for verb in named or VERBS[str(self.name)]:
            if any(option in param.opts for param in self.commands[verb].params if isinstance(param, click.Option)):
                return verb
        return None


def complete_folder(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For `shell_complete`: leaves the completion of folders to the shell."""
    from frame_extractor.completion import directory  # noqa: PLC0415

    return directory(context, parameter, incomplete)


def completion_command(program: str) -> click.Command:
    """The verb that prints this program's completion script."""

    @click.command("completion", help=_COMPLETION_HELP.format(program=program))
    @click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
    def completion(shell: str) -> int:
        from frame_extractor.completion import script  # noqa: PLC0415

        click.echo(script(program, shell), nl=False)
        return Exit.OK

    return completion


def root_option(command: F) -> F:
    """--root before or after the verb; the last one counts. Read it with `given_root`."""
    return click.option(
        "--root",
        metavar="DIR",
        shell_complete=complete_folder,
        is_eager=True,  # names of projects are resolved against it
        expose_value=False,
        callback=_keep_root,
        help="The folder that holds raw_videos/ and datasets/ [$FRAMED_ROOT, else the current folder].",
    )(command)


def common_options(command: F) -> F:
    """--root and --color, before or after the verb. Read them with `given_root` and `given_color`."""
    return root_option(
        click.option(
            "--color",
            type=click.Choice(COLOR_WHEN),
            metavar="WHEN",
            expose_value=False,
            callback=_keep_color,
            help="auto (on a terminal, unless NO_COLOR is set), never or always.",
        )(command)
    )


def _keep_root(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.find_root().meta["framed.root"] = value


def _keep_color(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.find_root().meta["framed.color"] = value


def given_root(context: click.Context | None = None) -> str | None:
    """The value of --root in the running command, or in that of `context`; None when it was not given."""
    root = (context or click.get_current_context()).find_root().meta.get("framed.root")
    return None if root is None else str(root)


def given_color() -> str:
    """The value of --color in the running command."""
    return str(click.get_current_context().find_root().meta.get("framed.color", "auto"))


def places_here(*, fresh: bool = False, anothers: bool = False) -> Places:
    """The places of the running command's root; see `places_of`. Raises FramedError."""
    return places_of(given_root(), fresh=fresh, anothers=anothers)


def places_of(root: str | None, *, fresh: bool = False, anothers: bool = False) -> Places:
    """The places of the root that `places.find_root` finds. Raises FramedError.

    The root user is refused roots of other users, unless `anothers`: for a command that changes nothing there.
    """
    from framed.private_files import check_root_folder  # noqa: PLC0415 -- --help does without
    from framed.settings.places import find_root, load_places  # noqa: PLC0415 -- likewise

    found = find_root(root, os.environ, fresh=fresh)
    if not anothers:
        check_root_folder(found)
    return load_places(found)


def run(command: click.Command, name: str) -> int:
    """Runs the command line and returns its exit code. Expected failures are one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # A film's name must not end a command because the terminal cannot show it.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    if f"_{name.upper()}_COMPLETE" in os.environ:
        from frame_extractor.completion import answer  # noqa: PLC0415 -- for Tab only

        click.echo(answer(name, os.environ, lambda arguments: (command, arguments)))
        return Exit.OK
    try:
        return int(command.main(prog_name=name, standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as bare:
        click.echo(bare.format_message(), err=True)
        return Exit.USAGE
    except click.UsageError as wrong:
        path = wrong.ctx.command_path if wrong.ctx else name
        _complain(name, f"{wrong.format_message().rstrip('.')} (see {path} --help)")
        return Exit.USAGE
    except click.Abort:
        return Exit.INTERRUPTED
    except FramedError as failed:
        _complain(name, str(failed))
        return failed.exit_code


def die_quietly_when_nobody_reads() -> None:
    """SIGPIPE ends the process, as in `framectl status | head -1`. Writing to a socket then needs MSG_NOSIGNAL."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _complain(name: str, message: str) -> None:
    line = printable(" ".join(message.split()))
    click.echo(line if line.startswith(f"{name} ") else f"{name}: {line}", err=True)
