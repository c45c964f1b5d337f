"""Which pictures of a film that is read whole may be affected by damage."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TypeGuard

import av

from frame_extractor.reading.survey import Flaw, Survey


@dataclass(frozen=True)
class Decoded:
    """One picture as it comes out of the decoder."""

    frame: av.VideoFrame
    ordinal: int
    """Of the packet it was decoded from."""
    place: int
    """In presentation order, if every packet is one picture and none is missing; true of key frames only."""
    stream_s: float | None
    """When the stream shows it; None when it does not say."""


@dataclass
class Lost:
    """Pictures that were left out, one after the other."""

    n_seen: int = 0
    is_all: bool = True
    """No others are missing."""
    first_s: float | None = None
    """Stream time of the first one."""
    last_s: float | None = None
    """Of the last one."""


class DamageTracker:
    """Says of each picture, as they come out of the decoder, whether damage can affect it.

    A damaged picture affects all that are decoded after it, up to the next key frame; a key frame is not affected by
    what is missing before it. The leading pictures of that key frame are affected too.
    """

    def __init__(self, survey: Survey, *, has_times: bool) -> None:
        self._flaws = deque(survey.flaws)
        self._survey = survey
        self._since: int | None = None
        """Ordinal of the first packet that a key frame must come from to end the damage."""
        self._has_times = has_times
        self._has_begun = has_times
        """A picture has come out; where there are no times, those before it are missing."""
        self._first = 0
        """Ordinal of the first packet that is affected."""
        self._lost: Lost | None = None
        self.is_given_up = False
        """The search for the next packet was given up before the end of the file."""
        self.latest_s: float | None = None
        """Stream time of the latest packet that was decoded."""

    def take_lost(self) -> Lost | None:
        """What was left out since the last call; None when nothing was."""
        lost, self._lost = self._lost, None
        return lost

    def begin(self, ordinal: int, *, is_damaged: bool, is_all: bool) -> None:
        """The packet is damaged, or others are missing before it."""
        # What was decoded before a gap may be shown between pictures that are out of order after it, and without
        # times of their own pictures come too early where others do not come at all.
        first = ordinal if is_all and self._has_times else 0
        self._first = first if self._since is None else min(self._first, first)
        self._since = max(self._since or 0, ordinal + is_damaged)
        self._lost = self._lost or Lost()
        self._lost.is_all &= is_all

    def is_sound(self, decoded: Decoded) -> bool:
        """Whether the picture can be given. To be called once for each, in order."""
        ordinal = decoded.ordinal
        while self._flaws and self._flaws[0].ordinal <= ordinal:
            flaw = self._flaws.popleft()
            self._begin_flaw(flaw)
        if not self._has_begun and ordinal and self._lost is None:
            self.begin(0, is_damaged=False, is_all=False)
        self._has_begun = True
        if decoded.frame.is_corrupt:
            self.begin(ordinal, is_damaged=True, is_all=True)
        restarts = self._survey.restarts
        is_restart = decoded.frame.key_frame if restarts is None else ordinal in restarts
        if self._since is not None and is_restart and ordinal >= self._since:
            self._since = None
        is_affected = self._since is not None and ordinal >= self._first
        if is_affected or not self._survey.is_placed(ordinal):
            self.leave_out(decoded, None)
            return False
        return True

    def _begin_flaw(self, flaw: Flaw) -> None:
        following = self._flaws[0] if self._flaws else None
        is_before_loss = following is not None and following.follows_loss and following.ordinal == flaw.ordinal + 1
        is_all = not (flaw.follows_loss or is_before_loss)
        self.begin(flaw.ordinal, is_damaged=flaw.is_damaged, is_all=is_all)

    @property
    def is_active(self) -> bool:
        """Whether the next picture is affected."""
        return self._since is not None

    def end(self) -> None:
        """Nothing else comes out."""
        while self._flaws:
            self._begin_flaw(self._flaws.popleft())

    def leave_out(self, decoded: Decoded, before: Lost | None) -> None:
        """Leaves the picture out, and what was lost before it."""
        self._lost = self._lost or Lost()
        self._lost.n_seen += 1 + (before.n_seen if before else 0)
        self._lost.is_all &= before is None or before.is_all
        self._lost.first_s = min(filter(is_known, (self._lost.first_s, decoded.stream_s)), default=None)
        self._lost.last_s = max(filter(is_known, (self._lost.last_s, decoded.stream_s)), default=None)


def is_known(time_s: float | None) -> TypeGuard[float]:
    return time_s is not None
