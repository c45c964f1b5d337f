"""How images and film folders are called. Pure.

In the guide's way `scene0000_pos0_frame000042_t1.75s.jpg`, `interval00003_frame000144_t6.00s.jpg`: `frame` is the
0-based index in the source, `t` the time since its first frame. By time: `t00001.75s_frame000042.jpg`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import TYPE_CHECKING

from frame_extractor.contract.settings import Names

if TYPE_CHECKING:
    from frame_extractor.picking.plan import Pick

MAX_SLUG_BYTES = 120
"""Leaves room for a hash below the 255 bytes a file system gives to a name."""
_FRAME = re.compile(r"(?:\A|_)frame(\d{6,12})(?:_t[\d.]+s)?\.jpg\Z")


def image_name(pick: Pick, names: Names = Names.GUIDE) -> str:
    """A frame that a scene and an interval both want has its scene's name."""
    if names is Names.TIME:
        return f"t{pick.time_s:08.2f}s_frame{pick.frame_index:06d}.jpg"
    where = f"frame{pick.frame_index:06d}_t{pick.time_s:.2f}s.jpg"
    if pick.scene is not None:
        place = "" if pick.position is None else f"pos{pick.position}_"
        return f"scene{pick.scene:04d}_{place}{where}"
    if pick.interval is not None:
        return f"interval{pick.interval:05d}_{where}"
    raise ValueError(f"frame {pick.frame_index} was picked for neither a scene nor an interval")


def picture_name(frame_index: int) -> str:
    """The name of a picture in `temp/`, while nobody knows what it will be wanted for."""
    return f"frame{frame_index:06d}.jpg"


def frame_index_of(name: str) -> int | None:
    """Which frame the image or picture of this name shows; None for a name that neither has."""
    found = _FRAME.search(name)
    return int(found[1]) if found else None


def film_folder(film_name: str, fingerprint: str, taken: Collection[str]) -> str:
    """The folder below `frames/` for a film that is not the project's first.

    A slug of the whole file name, so that `a.mkv` and `a.mp4` differ. Eight letters of the fingerprint follow when the
    slug says less than the name did, or when another film has it (also where case does not count).
    """
    slug = _slug(film_name)
    lower_case_taken = {folder.casefold() for folder in taken}
    if slug == film_name and slug.casefold() not in lower_case_taken:
        return slug
    return f"{slug}-{fingerprint.rpartition('-')[2][:8]}"


def _slug(name: str) -> str:
    """Letters and digits of any script, `_`, and `-` and `.` inside; everything else becomes one `-`."""
    replaced = "".join(c if c.isalnum() or c in "_.-" else "-" for c in unicodedata.normalize("NFC", name))
    words = "-".join(word for word in replaced.split("-") if word)
    short = words.encode()[:MAX_SLUG_BYTES].decode(errors="ignore")
    return short.strip(".-") or "film"
