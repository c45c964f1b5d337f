"""`framectl monitor` as a picture: a real daemon extracts small made films, and the real monitor is drawn meanwhile.

What is shown is what happened: rates, times and the load of the machine are other ones each time. The rest is not.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av

from framed.ctl.monitor.app import Monitor
from framed.demo.film import write_film
from framed.protocol.messages import ProjectState
from tests.harness.root import Root

SIZE: Final = (124, 30)
"""Columns and lines."""
SETTINGS: Final = """\
budget: {slots: 2, max_active: 2, memory_floor_gb: 0}
watch: {auto_submit: false, scan_interval_s: 0.2, settle_s: 0.1, settle_scans: 2}
"""
_ROOT: Final = Path("/tmp/films")  # noqa: S108 -- it is to be seen, and is refused when it is there
_DEADLINE_S: Final = 120.0
_CLIP_S: Final = 14
_FPS: Final = 24
_LONG: Final = 12
"""Times that the clip is repeated: so much film that it runs while it is drawn."""
_CUTS: Final = (47, 105, 150, 192, 263)


def main(svg: Path) -> None:
    """Writes the picture. Raises AssertionError when the daemon does not do as it should within two minutes."""
    with _root() as root:
        clip = root.places.root / "clip.mp4"
        write_film(clip, size=(640, 360), fps=_FPS, n_frames=_CLIP_S * _FPS, cuts=_CUTS)
        _film(root, "onward", clip, 1)
        for name, repeats in (("luca", _LONG), ("coco", _LONG + 1), ("up", 2), ("sintel", 3)):
            _film(root, name, clip, repeats)
        _damage(_film(root, "orion", clip, 4))
        clip.unlink()
        root.start(real=True)
        for name, end in (("onward", ProjectState.COMPLETE), ("orion", ProjectState.FAILED)):
            root.submit(name)
            root.wait_for(name, end, deadline_s=_DEADLINE_S)
        for name in ("luca", "coco", "up"):
            root.submit(name)
        drawn = asyncio.run(_drawn(root))
    svg.write_text(_plain(drawn), encoding="utf-8")


async def _drawn(root: Root) -> str:
    """The monitor, once a film is a good way on."""
    app = Monitor(root.places)
    async with app.run_test(size=SIZE) as pilot:
        ends = time.monotonic() + _DEADLINE_S
        while not _is_telling(root):
            assert time.monotonic() < ends, f"not running: {root.statuses()}"
            await pilot.pause(0.5)
        await pilot.press("ctrl+home")
        # The rates are those of the last seconds, the details those of a second ago.
        await pilot.pause(3)
        return app.export_screenshot(title="framectl monitor")


def _is_telling(root: Root) -> bool:
    """Whether the films that run are a good way on, and all others as they are to be seen."""
    statuses = root.statuses()
    running = [statuses[name] for name in ("luca", "coco")]
    return all(each.state is ProjectState.RUNNING and each.progress > 0.2 and each.eta_s for each in running)


def _film(root: Root, project: str, clip: Path, repeats: int) -> Path:
    """A film of the clip, so many times, without encoding it again."""
    folder = root.places.films_dir(project)
    folder.mkdir()
    film = folder / f"{project}.mkv"
    with av.open(str(film), "w") as target:
        copied: av.VideoStream | None = None
        for repeat in range(repeats):
            with av.open(str(clip)) as source:
                stream = source.streams.video[0]
                copied = copied or target.add_stream_from_template(stream)
                for packet in source.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue  # the end of the stream
                    shift = round(repeat * _CLIP_S / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = copied
                    target.mux(packet)
    return film


def _damage(film: Path) -> None:
    """The second half of it is lost."""
    content = film.read_bytes()
    half = len(content) // 2
    film.write_bytes(content[:half] + bytes(len(content) - half))


@contextmanager
def _root() -> Iterator[Root]:
    """A root of which nothing is left."""
    _ROOT.mkdir()
    root = Root(_ROOT, SETTINGS)
    try:
        yield root
    finally:
        root.end()
        shutil.rmtree(_ROOT)


def _plain(svg: str) -> str:
    """Without fonts from elsewhere, and without identifiers that are others each time."""
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+", "monitor", svg)
    # Some renderers take the spaces that lines begin with for layout.
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)
    assert "url(http" not in svg
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
