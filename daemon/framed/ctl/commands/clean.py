"""`framectl clean`."""

from __future__ import annotations

import sys
from typing import Final

import click
import msgspec

from frame_extractor.contract.quantities import count
from framed.ctl.command_line import common_options, places_here
from framed.ctl.commands.project_names import project_argument
from framed.ctl.idempotency_keys import new_key
from framed.ctl.options import json_option
from framed.ctl.output import document, notice, print_line
from framed.errors import Exit, Refused

_CLEAN_TIMEOUT_S: Final = 620.0
"""A little more than the daemon's own limit."""


@click.command()
@project_argument
@click.option("--replaced", is_flag=True, help="Only images of films whose files were replaced by others.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Print what would be deleted; delete nothing.")
@json_option
@common_options
def clean(name: str, *, replaced: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Delete a project's images and their records.

    Asks first. Deletes only the images that frames.jsonl lists, results, records and unfinished work: films, logs,
    captions and other files are kept.
    """
    from frame_extractor.contract.quantities import size  # noqa: PLC0415
    from framed.ctl.client import connect  # noqa: PLC0415
    from framed.protocol.messages import Clean, CleanReply  # noqa: PLC0415

    with connect(places_here()) as daemon:
        plan = daemon.call(
            "clean",
            Clean(project=name, replaced=replaced, dry_run=True, key=new_key()),
            CleanReply,
            patience_s=_CLEAN_TIMEOUT_S,
        )

        def counted(reply: CleanReply) -> str:
            return f"{count(reply.images, 'image')} with their records ({size(reply.size_bytes)})"

        stay = f"; {count(plan.kept, 'other file')} there {'is' if plan.kept == 1 else 'are'} kept"
        described = f"{counted(plan)} in {plan.folder}{stay if plan.kept else ''}"
        if not (plan.images or plan.size_bytes):
            nothing = "no images of a replaced film" if replaced else "nothing made by framed"
            reply, text = msgspec.structs.replace(plan, dry_run=dry_run), f"{name}: {nothing} in {plan.folder}"
        elif dry_run:
            reply, text = plan, f"{name}: would delete {described}" + (f"; {plan.not_now}" if plan.not_now else "")
        elif plan.not_now:
            raise Refused(plan.not_now)
        else:
            if not yes:
                if not sys.stdin.isatty():
                    raise click.UsageError(f"this would delete {described}; confirm with --yes")
                if not click.confirm(f"Delete {described}?", err=True):
                    notice("nothing was deleted")
                    return Exit.REFUSED
            request = Clean(project=name, replaced=replaced, key=new_key())
            reply = daemon.call("clean", request, CleanReply, patience_s=_CLEAN_TIMEOUT_S)
            text = f"{name}: deleted {counted(reply)}"
    if as_json:
        document(reply)
    else:
        print_line(text)
    return Exit.OK
