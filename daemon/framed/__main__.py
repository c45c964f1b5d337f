"""`framed`: starts and stops the daemon, shows its settings, checks the machine."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from frame_extractor.contract.quantities import count
from framed.ctl.command_line import (
    CONTEXT_SETTINGS,
    Verbs,
    complete_folder,
    completion_command,
    given_root,
    places_here,
    root_option,
    run,
)
from framed.errors import Exit, Refused

if TYPE_CHECKING:
    from framed.policy.shares import Budget

END_TIMEOUT_S: Final = 15.0
_STDOUT: Final = 1


@click.group(cls=Verbs, context_settings=CONTEXT_SETTINGS)
@root_option
@click.version_option(package_name="framed", prog_name="framed", message="%(prog)s %(version)s")
def framed() -> None:
    """Put films into raw_videos/PROJECT/, get their images in datasets/PROJECT/frames/.

    framed runs the daemon; framectl controls it.
    """


@framed.command()
@root_option
@click.option("--recover", is_flag=True, help="If the state is damaged, rebuild it from the datasets.")
def start(*, recover: bool) -> int:
    """Run the daemon in the foreground until Ctrl-C or `framed stop`. Extractors keep running after it."""
    import shutil  # noqa: PLC0415

    from framed.errors import TmuxMissing  # noqa: PLC0415
    from framed.service_manager import is_journal  # noqa: PLC0415
    from framed.settings.config import load_settings  # noqa: PLC0415
    from framed.settings.places import make_folders  # noqa: PLC0415

    places = places_here(fresh=True)
    settings = load_settings(places)
    if shutil.which("tmux") is None:
        raise TmuxMissing
    made = make_folders(places)
    if made:
        click.echo(f"framed: created {', '.join(str(folder) for folder in made)}", err=True)
    if places.state_is_elsewhere:
        click.echo(f"framed: the root's file system cannot hold the state; it is in {places.state}", err=True)
    from framed.app import run as run_daemon  # noqa: PLC0415

    def ready(budget: Budget) -> None:
        if is_journal(_STDOUT, os.environ):
            return  # there is no terminal for Ctrl-C, and the log has a line for it
        slots = "1 slot" if budget.slots == 1 else f"{budget.slots} slots"
        click.echo(
            f"framed is ready: root {places.root}, socket {places.control_socket}, {slots} for up to "
            f"{count(budget.max_active, 'project')} at once (pid {os.getpid()}; Ctrl-C ends it)"
        )

    def report_recovery(line: str) -> None:
        click.echo(f"framed: {line}", err=True)

    run_daemon(places, settings, ready=ready, report_recovery=report_recovery if recover else None)
    return Exit.OK


@framed.command()
@root_option
def stop() -> int:
    """Stop the daemon. Running extractors continue, and the next start adopts them."""
    from framed.ctl.client import connect  # noqa: PLC0415
    from framed.protocol.messages import Shutdown, ShutdownReply  # noqa: PLC0415

    places = places_here()
    with connect(places) as daemon, _process(daemon.hello.pid) as process:
        reply = daemon.call("shutdown", Shutdown(), ShutdownReply)
        if process is not None and not select.select([process], [], [], END_TIMEOUT_S)[0]:
            raise Refused(
                f"framed (pid {daemon.hello.pid}) was asked to stop and is still running after {END_TIMEOUT_S:.0f} s"
            )
    going_on = f"; still running: {', '.join(reply.running)}" if reply.running else ""
    click.echo(f"framed has ended{going_on}")
    return Exit.OK


@framed.command("install-service")
@root_option
@click.option("--user", "is_users", is_flag=True, help="For your own service manager, without root.")
@click.option("--remove", "is_removal", is_flag=True, help="Stop the service and remove its units.")
@click.option("--dry-run", is_flag=True, help="Only print what would be written, deleted and run.")
def install_service(*, is_users: bool, is_removal: bool, dry_run: bool) -> int:
    """Run framed as a systemd service: started at boot, and again after a failure.

    Extractors run in a second unit, framed-tmux: restarting framed does not stop them.
    """
    from framed.service.install import Service, install, install_planned, remove, remove_planned  # noqa: PLC0415
    from framed.settings.config import load_settings  # noqa: PLC0415

    service = Service(is_users)
    if is_removal:
        lines = (remove_planned if dry_run else remove)(service)
    else:
        places = places_here(anothers=True)
        lines = (install_planned if dry_run else install)(places, load_settings(places), service)
    for line in lines:
        click.echo(f"framed: {line}")
    if dry_run:
        click.echo("framed: dry run: nothing was changed")
    return Exit.OK


@framed.command("serve-tmux", hidden=True)
@root_option
def serve_tmux() -> int:
    """Start the tmux server that extractors run in; used by its unit."""
    from framed.engines import EngineRefused  # noqa: PLC0415
    from framed.engines.tmux_server import TmuxServer  # noqa: PLC0415
    from framed.settings.places import make_folders  # noqa: PLC0415

    places = places_here()
    make_folders(places)
    try:
        TmuxServer(places.tmux_socket, places.tmux_config).start()
    except EngineRefused as failed:
        raise Refused(str(failed)) from None
    return Exit.OK


@framed.command()
@root_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def config(*, as_json: bool) -> int:
    """Show every setting of framed.yaml, its value and where it comes from.

    For the settings of one project: framectl submit PROJECT --dry-run.
    """
    from framed.model.values import as_written  # noqa: PLC0415
    from framed.settings.config import described, load_settings  # noqa: PLC0415

    places = places_here()
    rows = described(load_settings(places), places)
    if as_json:
        import msgspec  # noqa: PLC0415

        known = {key: {"value": value, "origin": origin} for key, value, origin in rows}
        document = {"schema": 1, "root": str(places.root), "settings": known}
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))
        return Exit.OK
    click.echo(f"root {places.root}")
    texts = [(key, as_written(value), origin) for key, value, origin in rows]
    key_width, value_width = (max(len(row[column]) for row in texts) for column in (0, 1))
    for key, value, origin in texts:
        click.echo(f"{key:<{key_width}}  {value:<{value_width}}  {origin}")
    return Exit.OK


@framed.command()
@root_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for scripts.")
def doctor(*, as_json: bool) -> int:
    """Check what framed depends on, and print how to fix what is wrong. Exits with 1 when a check fails."""
    from framed.printable import printable  # noqa: PLC0415
    from framed.service.doctor import examine  # noqa: PLC0415

    findings = []
    for finding in examine(places_here):
        findings.append(finding)
        if not as_json:
            remedy = f" -> {finding.remedy}" if finding.remedy else ""
            click.echo(printable(f"{finding.level:<4}  {finding.check:<11}  {finding.found}{remedy}"))
    if as_json:
        import msgspec  # noqa: PLC0415

        click.echo(msgspec.json.format(msgspec.json.encode({"schema": 1, "findings": findings}), indent=2))
    return Exit.FAILED if any(finding.level == "fail" for finding in findings) else Exit.OK


@framed.command()
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(path_type=Path),
    shell_complete=complete_folder,
    help="Use DIR, and keep it.",
)
@click.option("--root", metavar="DIR", hidden=True, help="Refused: the demo makes a root of its own.")
def demo(keep: Path | None, root: str | None) -> int:
    """Render a short film, extract it with a daemon of its own, and show the result."""
    if root is not None or given_root() is not None:
        raise click.UsageError("the demo makes a root of its own; to choose where, give --keep DIR")
    from framed.demo.run import run as run_demo  # noqa: PLC0415

    return run_demo(keep)


framed.add_command(root_option(completion_command("framed")))


@contextlib.contextmanager
def _process(pid: int) -> Iterator[int | None]:
    """A pidfd, readable when the process has ended; None when the process is not visible from here."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    sys.exit(run(framed, "framed"))


if __name__ == "__main__":
    main()
