"""`logs`: a piece of the log of a project's latest job."""

from __future__ import annotations

from pathlib import Path

from framed.control.verbs.context import VerbContext
from framed.errors import Refused
from framed.protocol.queries import MOST_LOG_BYTES, Logs, LogsReply
from framed.tail import read_on, start_of_last_lines


async def logs(context: VerbContext, params: Logs) -> LogsReply:
    """Raises Refused for a project that never had a job. Before the job's first attempt the log is empty."""
    (name,) = await context.disk.known((params.project,))
    job = context.ledger.latest(name)
    if job is None:
        raise Refused(f"{name} has no log: it has not been submitted yet")
    # Read before the file: a job writes nothing after it is over.
    state, is_over = context.status_reporter.project(name).state, job.is_over
    path = Path(job.log_path)
    offset = params.offset
    if offset is None:
        offset = await context.disk.run(start_of_last_lines, path, params.lines)
    content, size_bytes = await context.disk.run(read_on, path, offset, MOST_LOG_BYTES)
    return LogsReply(
        project=name,
        job_id=job.id,
        path=job.log_path,
        state=state,
        is_over=is_over,
        offset=offset,
        next_offset=offset + len(content),
        size_bytes=size_bytes,
        content=content,
    )
