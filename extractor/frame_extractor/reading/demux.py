"""A film's packets, cut into chunks that a decoder can take alone, exactly.

Reads the file once, in order; decodes nothing. Frame numbers and times are made here, from the packets in presentation
order, and nowhere else.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import av

from frame_extractor.contract.results import FailedRange
from frame_extractor.contract.settings import Sampling
from frame_extractor.errors import NeedsWholeFilm
from frame_extractor.reading.beginning import begin_ticks
from frame_extractor.reading.bitstream import is_referred_to_in_chunk
from frame_extractor.reading.chunk import NOT_SHOWN, Chunk
from frame_extractor.reading.film import Film
from frame_extractor.reading.film_file import film_file_of
from frame_extractor.reading.frame_numbers import FrameNumbers
from frame_extractor.reading.gops import Discontinuity, Gop, Packet, open_gops
from frame_extractor.reading.misplaced import without_misplaced
from frame_extractor.reading.packets import DemuxerErrors
from frame_extractor.reading.remux import remux

MIN_CHUNK_S = 4.0
"""From here on a chunk ends where a key frame looks like a scene cut."""
USUAL_CHUNK_S = 6.0
"""From here on it ends at any key frame."""
MAX_CHUNK_S = 15.0
"""x264's default key frame distance is 10.4 s. A longer GOP is not given to decord, which would decode it all ahead."""
MAX_DECODED_BYTES = 768 << 20
"""decord's queue has no bound: a chunk ends early when its pictures, decoded, come to this much."""
ONE_GOP_CHUNKS = frozenset({"hevc"})
"""decord fails on a second IDR after a B-pyramid."""

MIN_MISSING_END_S = 1.0
"""The duration that a container states is often wrong by a few frames."""

DAMAGED = "damaged in the file"
MISSING = "missing in the file"


def read_chunks(film: Film, sampling: Sampling) -> Iterator[Chunk]:
    """Every chunk of the film, in order. Raises NeedsWholeFilm where its packets turn out not to be pictures."""
    errors = DemuxerErrors()
    with open_gops(film, errors) as (stream, parts):
        cutter = _Cutter(film, stream, sampling)
        gops: list[Gop] = []
        discontinuity: Discontinuity | None = None
        """After `gops`."""
        for part in without_misplaced(parts, stream.time_base or Fraction(1, 1000)):
            if isinstance(part, Discontinuity):
                discontinuity = part if discontinuity is None else discontinuity.merged(part)
                continue
            if gops and (discontinuity is not None or cutter.ends_chunk(gops, part)):
                yield cutter.cut(gops, None if discontinuity else part)
                gops = []
            if discontinuity is not None:
                cutter.add_discontinuity(discontinuity, part)
                discontinuity = None
            cutter.count(part)
            gops.append(part)
        if gops:
            yield cutter.cut_last(gops, discontinuity, has_recent_errors=errors.is_recent)


def _missing_end(film: Film, end_s: float, reason: str | None) -> FailedRange | None:
    """What is missing of a film whose file ends at `end_s`; `reason`: why, if it is not that the file ends there."""
    if film.duration_s - end_s < MIN_MISSING_END_S:
        return None
    return FailedRange(start_s=end_s, end_s=film.duration_s, reason=reason or "the file ends before the film does")


class _Cutter:
    """Makes chunks of GOPs; counts frames and film time across them."""

    def __init__(self, film: Film, stream: av.VideoStream, sampling: Sampling) -> None:
        self._film = film
        self._stream = stream
        self._time_base = stream.time_base or Fraction(1, 1000)
        self._sampling = sampling
        self._numbers = itertools.count()
        self._frames = FrameNumbers(film.fps, self._time_base)
        self._n_owned = 0
        """Frames that belong to the chunks so far."""
        self._n_samples = 0
        self._lost: FailedRange | None = None
        """What is missing before the next chunk."""
        self._gop_length = 0
        """Pictures in the last GOP; the longest so far is taken for the encoder's regular distance."""
        self._longest_gop = 0
        self._starts_like_a_cut = True
        self._offset: int | None = None
        """Ticks to subtract from a packet's time to get film time; moves when the stream's clock jumps back."""
        self._last = -1
        """Film time, in ticks, of the last frame given out."""
        self._end = 0
        """When it stops being shown."""

    def ends_chunk(self, gops: list[Gop], following: Gop) -> bool:
        if self._film.codec in ONE_GOP_CHUNKS:
            return True
        seconds = float((following.key.pts - gops[0].key.pts) * self._time_base)
        n_pictures = sum(len(gop.packets) for gop in gops)
        decoded_bytes = n_pictures * self._film.coded_width * self._film.coded_height * 3
        enough_s = MIN_CHUNK_S if self._is_early else USUAL_CHUNK_S
        return seconds >= enough_s or decoded_bytes >= MAX_DECODED_BYTES

    def count(self, gop: Gop) -> None:
        """Takes note of a GOP's length: to distinguish regular key frames from early ones."""
        self._gop_length = len(gop.packets)
        self._longest_gop = max(self._longest_gop, self._gop_length)

    @property
    def _is_early(self) -> bool:
        """Whether the key frame after the last GOP came before its time."""
        return self._gop_length < self._longest_gop

    def cut(self, gops: list[Gop], following: Gop | None) -> Chunk:
        """The chunk of these GOPs, which ends where `following` begins."""
        packets = gops[0].own()
        for gop in gops[1:]:
            packets += gop.packets
        reference_only: set[int] = set()
        if following is not None and (leading := following.leading()):
            # They are shown before the next key frame but need it, and the frames of this chunk.
            reference_only.add(id(following.key))
            packets += [following.key, *leading]
        shown = [p for p in packets if p.is_shown and id(p) not in reference_only]
        times = sorted(p.pts for p in shown)
        if len(set(times)) < len(times):
            raise NeedsWholeFilm("two packets with one presentation time")
        offset = self._offset_for(times[0] if times else packets[0].pts)
        frame_of = {pts: self._frames.next + nth for nth, pts in enumerate(times)}
        self._frames.add(times)
        if self._sampling is Sampling.REFERENCE:
            highest_layer = max(p.kind.temporal_layer for p in packets)
            packets = [p for p in packets if p.is_key or is_referred_to_in_chunk(p.kind, highest_layer)]
        presented = sorted(packets, key=lambda p: p.pts)
        end = self._end_of(shown)
        matroska = remux(self._stream, self._film, packets)
        chunk = Chunk(
            number=next(self._numbers),
            matroska=matroska,
            n_bytes=len(matroska),
            frame_indices=tuple(
                frame_of[p.pts] if p.is_shown and id(p) not in reference_only else NOT_SHOWN for p in presented
            ),
            times_s=tuple(float((p.pts - offset) * self._time_base) for p in presented),
            first_frame=self._n_owned,
            n_frames=self._frames.next - self._n_owned,
            start_s=float((times[0] - offset) * self._time_base) if times else float(self._end * self._time_base),
            end_s=float((end - offset) * self._time_base) if times else float(self._end * self._time_base),
            first_sample=self._n_samples,
            too_long_for_decord=self._is_too_long(packets),
            starts_like_a_cut=self._starts_like_a_cut,
            lost_before=self._lost,
            are_numbers_counted=self._frames.is_counted,
        )
        self._n_owned = self._frames.next
        self._lost = None
        self._n_samples += len(chunk.samples)
        self._starts_like_a_cut = self._is_early
        if times:
            self._last, self._end = times[-1] - offset, end - offset
        return chunk

    def add_discontinuity(self, discontinuity: Discontinuity, following: Gop) -> None:
        """Takes note of what is missing between the last chunk and the one that will begin with `following`."""
        lost = sorted(packet.pts for packet in [*discontinuity.lost, *following.leading()] if packet.is_shown)
        first = min(packet.pts for packet in following.own())
        if self._offset is not None and first - self._offset <= self._last:
            self._add_lost_before_jump([pts - self._offset for pts in lost if pts - self._offset > self._last])
            return
        if self._offset is None:
            if not lost and not discontinuity.lacks_beginning:
                return
            # The film begins with pictures that are lost, not with the first that can be shown.
            self._offset = self._beginning(discontinuity, following, min([*lost[:1], first]))
            self._last = -self._nominal()
            self._frames.is_counted |= discontinuity.lacks_beginning
        ticks = first - self._offset - self._last
        n_lost = self._frames.skip(n_seen=len(lost), is_all=discontinuity.is_all, ticks=ticks)
        if n_lost or not discontinuity.is_all:
            self._add_lost_until(first - self._offset, DAMAGED if discontinuity.is_all else MISSING)

    def _beginning(self, discontinuity: Discontinuity, following: Gop, first_found: int) -> int:
        """When the film's first picture was shown, as well as one can know."""
        if not discontinuity.lacks_beginning:
            return first_found
        key = following.key
        found = [(packet.payload, packet.pts) for packet in discontinuity.lost if packet.payload]
        begin = begin_ticks(self._stream, (key.payload, key.pts), key.dts, found, self._nominal())
        return min(begin, first_found)

    def _add_lost_before_jump(self, lost: list[int]) -> None:
        """These pictures, by film time, were the last before times jumped back."""
        if lost:
            self._frames.skip(n_seen=len(lost), is_all=True, ticks=None)
            self._add_lost_until(lost[-1] + self._nominal(), DAMAGED)
            self._last = self._end

    def _add_lost_until(self, end: int, reason: str) -> None:
        if end > self._end:
            start_s, end_s = float(self._end * self._time_base), float(end * self._time_base)
            self._lost = FailedRange(start_s=start_s, end_s=end_s, reason=reason)
            self._end = end

    def cut_last(self, gops: list[Gop], discontinuity: Discontinuity | None, *, has_recent_errors: bool) -> Chunk:
        """The film's last chunk, with what is missing after it."""
        chunk = self.cut(gops, None)
        file = film_file_of(self._stream.container)
        reason = None if file is None else file.why_given_up
        missing = _missing_end(self._film, chunk.end_s, reason) if has_recent_errors else None
        lost = sorted(p.pts for p in discontinuity.lost if p.is_shown) if discontinuity is not None else []
        if not lost or self._offset is None:
            return replace(chunk, lost_after=missing)
        self._frames.skip(n_seen=len(lost), is_all=True, ticks=None)
        end_s = float((lost[-1] - self._offset + self._nominal()) * self._time_base)
        if missing is not None and missing.end_s >= end_s:
            lost_after = missing
        else:
            lost_after = FailedRange(start_s=chunk.end_s, end_s=max(chunk.end_s, end_s), reason=DAMAGED)
        return replace(chunk, lost_after=lost_after, n_frames=self._frames.next - chunk.first_frame)

    def _offset_for(self, first_pts: int) -> int:
        # Against the last frame, not its end: durations are rounded, and the difference would add up.
        if self._offset is None or first_pts - self._offset <= self._last:
            self._offset = first_pts - self._end
        return self._offset

    def _end_of(self, shown: list[Packet]) -> int:
        """Ticks at which the last of these frames stops being shown."""
        if not shown:
            return 0
        last = max(shown, key=lambda p: p.pts)
        return last.pts + (last.duration or self._nominal())

    def _nominal(self) -> int:
        """Ticks from one frame to the next, by the container's word."""
        if not self._film.fps:
            return 1
        return max(1, round(1 / (Fraction(self._film.fps).limit_denominator(100_000) * self._time_base)))

    def _is_too_long(self, packets: list[Packet]) -> bool:
        ticks = max(p.pts for p in packets) - min(p.pts for p in packets)
        decoded_bytes = len(packets) * self._film.coded_width * self._film.coded_height * 3
        return float(ticks * self._time_base) > MAX_CHUNK_S or decoded_bytes > 2 * MAX_DECODED_BYTES
