"""The command line: what is typed in, and which exit code comes out. Imports what it needs when it needs it."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import click
import msgspec
from click.shell_completion import CompletionItem

from frame_extractor import completion
from frame_extractor.contract import film_time
from frame_extractor.contract.declaration import declared
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.settings import RequestedSettings, Retries, Workers

PROGRAM: Final = "frame-extractor"

F = TypeVar("F", bound=Callable[..., Any])

_EPILOG: Final = """
Images go to DIR/frames, what is known of them to DIR/frames.jsonl and DIR/extraction_results.json. A film that was
extracted with the same settings is skipped; with other settings its images are replaced when the new ones are complete.

\b
Other commands, for scripts and for framed:
  frame-extractor run SPEC.json                 one attempt, as its specification says
  frame-extractor probe FILM [--json]           what the film is
  frame-extractor estimate SPEC.json [--json]   what extracting would give and cost
  frame-extractor clean DIR/frames [--json]     delete what was made there, and nothing else
  frame-extractor completion SHELL              what makes Tab work in bash, zsh or fish
A film that is itself called run, probe, estimate, clean or completion: ./run

\b
Exit codes: 0 done, 64 usage, 65 not a film, 66 too much of it undecodable,
70 internal fault, 73 output cannot be created, 74 reading or writing failed,
75 disk full, 76 another extractor works there, 77 not permitted,
78 bad specification, 79 a film changed while it was read, 130 Ctrl-C, 143 terminated.
"""


class _FiniteRange(click.FloatRange):
    """Neither `nan` nor `inf`, which no comparison keeps out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not math.isfinite(number := click.FLOAT.convert(value, param, ctx)):
            self.fail(f"{number} is not in the range {self.min}<=x<={self.max}.", param, ctx)
        return super().convert(value, param, ctx)


def setting_options(command: F, kind: type[RequestedSettings] = RequestedSettings) -> F:
    """Adds an option for every setting of an extraction."""
    for each in reversed(declared(kind)):
        if each.type is bool:
            command = click.option(*each.flag, each.name, default=each.default, help=each.setting.help)(command)
            continue
        option_type = _option_type(each.type, each.setting.metavar)
        command = click.option(
            *each.options,
            each.name,
            type=option_type,
            metavar=None if isinstance(option_type, click.Choice | _OrAuto) else each.setting.metavar,
            default=each.written(each.default),
            help=each.setting.help,
        )(command)
    return command


def _option_type(kind: object, metavar: str = "N") -> click.ParamType[Any]:
    """Takes the values of the kind, within its bounds."""
    match msgspec.inspect.type_info(kind):
        case msgspec.inspect.EnumType(cls=cls):
            return click.Choice(cls, case_sensitive=False)
        case msgspec.inspect.Metadata() as info if film_time.is_film_time(info):
            return _FilmTime()
        case msgspec.inspect.UnionType(types=[number, msgspec.inspect.LiteralType(values=("auto",))]):
            return _OrAuto(_number_type(number), metavar)
        case number:
            return _number_type(number)


def _number_type(kind: msgspec.inspect.Type) -> click.ParamType[Any]:
    match kind:
        case msgspec.inspect.IntType(ge=least, le=greatest):
            return click.IntRange(min=least, max=greatest)
        case msgspec.inspect.FloatType(ge=least, le=greatest):
            return _FiniteRange(min=least, max=greatest)
    raise TypeError(kind)


class _OrAuto(click.ParamType[Any]):
    """A number, or `auto`."""

    def __init__(self, number: click.ParamType[Any], metavar: str) -> None:
        self.number = number
        self.name = f"{metavar}|auto"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 -- click's signature
        return self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value).lower() == "auto":
            return "auto"
        try:
            float(value)
        except ValueError:
            self.fail(f"'{value}' is neither a number nor auto.", param, ctx)
        return self.number.convert(value, param, ctx)


class _FilmTime(click.ParamType[float]):
    """`0:45`, `-7:30`, or seconds."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return film_time.seconds_of(str(value))
        except ValueError:
            self.fail(f"'{value}' is not {film_time.EXPECTED}.", param, ctx)


def _film_or_command(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completion of a film: files; for the first word, where no file matches, the other commands."""
    is_first = not context.params.get("films")
    if is_first and "/" not in incomplete and not any(name.startswith(incomplete) for name in os.listdir()):
        return [CompletionItem(name) for name in _OTHERS if name.startswith(incomplete)]
    return [CompletionItem(incomplete, type="file")]


@click.command(
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 110},
)
@click.argument("films", nargs=-1, required=True, metavar="FILM...", shell_complete=_film_or_command)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="DIR",
    shell_complete=completion.directory,
    help="Folder for frames/ and what goes with it.",
)
@setting_options
@click.option(
    "--workers",
    type=_option_type(Workers),
    default=None,
    show_default="12, within 75 % of the cores",
    help="Worker processes; auto is 75 % of the cores. Never more than there are cores.",
)
@click.option(
    "--retry",
    metavar="N",
    type=_option_type(Retries),
    default=3,
    help="Further attempts after an internal fault or a read or write error.",
)
@click.option("--force", is_flag=True, help="Extract again what is already extracted.")
@click.option("--restore", is_flag=True, help="Make images again that you have deleted; without it they stay away.")
@click.option("--dry-run", is_flag=True, help="Show settings, films and an estimate; write nothing.")
@click.version_option(package_name="framed", prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def extract(
    ctx: click.Context,
    /,
    *,
    films: tuple[str, ...],
    output: str,
    workers: int | Literal["auto"] | None,
    retry: int,
    force: bool,
    restore: bool,
    dry_run: bool,
    **settings: Any,
) -> ExitCode:
    """Take good still frames from films: those of every shot, and one every two seconds."""
    from frame_extractor import standalone  # noqa: PLC0415

    try:
        resolved = RequestedSettings(**settings).resolved
    except ValueError as wrong:
        raise click.UsageError(f"{wrong}.", ctx) from None
    given = {name: ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE for name in ctx.params}
    request = standalone.Request(
        films=films,
        output=Path(output),
        settings=resolved,
        given=frozenset(name for name, is_given in given.items() if is_given),
        workers=None if workers == "auto" else workers,
        force=force,
        restore=restore,
    )
    return standalone.show_plan(request) if dry_run else standalone.extract(request, retry=retry)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("spec_path", metavar="SPEC.json", shell_complete=completion.file)
def run(spec_path: str) -> ExitCode:
    """Make one attempt, as the specification says. Its records are in the `.framed` folder beside the frames."""
    from frame_extractor import messages  # noqa: PLC0415
    from frame_extractor.attempt import records, runner  # noqa: PLC0415
    from frame_extractor.screen import open_screen  # noqa: PLC0415

    spec = records.read_spec(spec_path)
    with open_screen() as screen:
        screen.note(messages.introduction(spec))
        return runner.run_attempt(spec, screen=screen).code


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("film", metavar="FILM", shell_complete=completion.file)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def probe(film: str, as_json: bool) -> ExitCode:
    """Say what the film is, or why it is none."""
    from frame_extractor import standalone  # noqa: PLC0415

    return standalone.show_probe(film, as_json=as_json)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("spec_path", metavar="SPEC.json", shell_complete=completion.file)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with one object for each film.")
def estimate(spec_path: str, as_json: bool) -> ExitCode:
    """Say what extracting would probably give and cost; write nothing. SPEC.json may be - for standard input."""
    from frame_extractor import standalone  # noqa: PLC0415
    from frame_extractor.attempt import records  # noqa: PLC0415

    return standalone.show_estimate(records.read_spec(spec_path), as_json=as_json)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "frames_dir", metavar="FRAMES_DIR", type=click.Path(path_type=Path), shell_complete=completion.directory
)
@click.option("--film", "fingerprints", multiple=True, metavar="FINGERPRINT", help="Only what was made of this film.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def clean(frames_dir: Path, fingerprints: tuple[str, ...], dry_run: bool, as_json: bool) -> ExitCode:
    """Delete the images listed in frames.jsonl beside FRAMES_DIR, and what goes with them. Other files stay."""
    from frame_extractor.attempt.clean import clean as clean_up  # noqa: PLC0415
    from frame_extractor.attempt.clean import clean_films, plan  # noqa: PLC0415
    from frame_extractor.attempt.failures import Refused, failure_of  # noqa: PLC0415
    from frame_extractor.contract.quantities import count, size  # noqa: PLC0415
    from frame_extractor.messages import clean_plan  # noqa: PLC0415

    layout = OutputLayout(frames_dir.absolute())
    planned = None
    try:
        if dry_run:
            planned = plan(layout, fingerprints)
            cleaned = planned.cleaned
        elif fingerprints:
            cleaned = clean_films(layout, fingerprints)
        else:
            cleaned = clean_up(layout)
    except Refused:
        raise
    except Exception as error:
        failure = failure_of(error, output=layout.folder)
        raise Refused(failure.line, failure.code) from error
    if as_json:
        click.echo(msgspec.json.encode(cleaned))
        return ExitCode.DONE
    done = "would be deleted" if dry_run else "deleted"
    stay = f"; {count(cleaned.kept, 'other file')} there stay" if cleaned.kept else ""
    click.echo(f"{layout.folder}: {count(cleaned.images, 'image')}, {size(cleaned.size_bytes)} {done}{stay}")
    if planned is not None:
        for line in clean_plan(planned.images, planned.others, layout):
            click.echo(line)
    return ExitCode.DONE


@click.command("completion", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("shell", type=click.Choice(completion.SHELLS))
def print_completion(shell: str) -> ExitCode:
    """Print what makes Tab complete options, their values and files.

    \b
    bash: echo 'eval "$(frame-extractor completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(frame-extractor completion zsh)"' >> ~/.zshrc
    fish: frame-extractor completion fish > ~/.config/fish/completions/frame-extractor.fish
    """  # noqa: D301 -- click wants the character
    click.echo(completion.script(PROGRAM, shell), nl=False)
    return ExitCode.DONE


_OTHERS: Final = {"run": run, "probe": probe, "estimate": estimate, "clean": clean, "completion": print_completion}


def _command_of(typed: Sequence[str]) -> tuple[click.Command, list[str]]:
    """The command that these arguments are for, and its own arguments."""
    if typed and typed[0] in _OTHERS:
        return _OTHERS[typed[0]], [*typed[1:]]
    return extract, [*typed]


def main(arguments: Sequence[str] | None = None) -> int:
    """What `frame-extractor` runs. Returns the exit code; prints one line about what was typed wrong."""
    from frame_extractor.attempt.failures import Refused, failure_of  # noqa: PLC0415

    typed = list(sys.argv[1:] if arguments is None else arguments)
    if completion.variable(PROGRAM) in os.environ:
        click.echo(completion.answer(PROGRAM, os.environ, _command_of))
        return ExitCode.DONE
    command, words = _command_of(typed)
    path = PROGRAM if command is extract else f"{PROGRAM} {typed[0]}"
    try:
        code = command.main(words, prog_name=path, standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"{PROGRAM}: {error.format_message()} See {path} --help.", err=True)
        return ExitCode.USAGE
    except Refused as error:
        click.echo(f"{PROGRAM}: {error}", err=True)
        return error.code
    except click.Abort:
        click.echo(f"{PROGRAM}: ended by Ctrl-C", err=True)
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - what an attempt does not catch itself: a fault in probe or --dry-run
        click.echo(f"{PROGRAM}: {failure_of(error).line}", err=True)
        return ExitCode.INTERNAL
    return int(code or ExitCode.DONE)
