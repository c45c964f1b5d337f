"""The reader for films that cannot be cut into chunks: PyAV, from the film's beginning to its end.

Slow, and exact for whatever FFmpeg decodes from the beginning. Pictures are identified by the packet they were decoded
from, so that what damage affects does not depend on the number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final

import av
from av.codec.context import Flags
from av.video.frame import PictureType

from frame_extractor.reading.film import Film, open_container
from frame_extractor.reading.film_file import film_file_of
from frame_extractor.reading.frame_numbers import FrameNumbers
from frame_extractor.reading.packets import packets_of
from frame_extractor.reading.readers import Frame
from frame_extractor.reading.readers.damage_tracker import DamageTracker, Decoded, Lost, is_known
from frame_extractor.reading.readers.film_clock import FilmClock, Slots
from frame_extractor.reading.readers.pyav import upright_rgb
from frame_extractor.reading.survey import Survey, surveyed

CLOCK: Final = 1_000_000
"""Ticks of a second in which frames are numbered."""
HELD_FRAMES: Final = 4
"""More are seldom shown later than they were decoded."""
REORDERED_FRAMES: Final = 32
"""More are never shown between two that were decoded one after the other."""


class _DecodingFailed(Exception):
    """Some packet does not decode; with threads it is unknown which."""


def read_whole(
    film: Film,
    threads: int = 1,
    on_damaged_end: Callable[[float], None] = lambda _: None,
    survey: Survey | None = None,
) -> Iterator[Frame]:
    """Every frame of the film that damage does not affect, in order, numbered as they are shown.

    When the film ends in damage, `on_damaged_end` is called with the time of the last lost picture.
    """
    survey = survey or surveyed(film)
    n_given = 0
    if threads > 1:
        try:
            for frame in _read(film, survey, threads, on_damaged_end):
                yield frame
                n_given += 1
        except _DecodingFailed:
            pass
        else:
            return
    for nth, frame in enumerate(_read(film, survey, 1, on_damaged_end)):
        if nth >= n_given:
            yield frame


def _read(film: Film, survey: Survey, threads: int, on_damaged_end: Callable[[float], None]) -> Iterator[Frame]:
    clock = FilmClock(film)
    damage = DamageTracker(survey, has_times=film.has_times)
    numbers = FrameNumbers(film.fps, Fraction(1, CLOCK))
    last_s = -clock.frame_s
    for decoded, lost in _sound_pictures(film, survey, damage, threads):
        if lost is not None and decoded.stream_s is None:
            # Where nothing has a time, packets are counted.
            n_lost = max(0, decoded.place - numbers.next)
            clock.skip(n_lost)
            numbers.skip(n_seen=n_lost, is_all=lost.is_all, ticks=None)
        elif lost is not None:
            clock.begin(lost.first_s if survey.begins_s is None else survey.begins_s)
            numbers.is_counted |= survey.begins_s is not None
        time_s = clock.film_s(decoded.stream_s)
        tick = round(time_s * CLOCK)
        if lost is not None and decoded.stream_s is not None:
            numbers.skip(n_seen=lost.n_seen, is_all=False, ticks=tick - round(last_s * CLOCK))
        yield Frame(
            numbers.next,
            time_s,
            upright_rgb(film, decoded.frame),
            follows_damage=lost is not None,
            is_number_counted=numbers.is_counted,
        )
        numbers.add([tick])
        last_s = time_s
    if damage.is_given_up:
        on_damaged_end(film.duration_s)
    elif (lost := damage.take_lost()) is not None:
        known_s = [time_s for time_s in (lost.last_s, damage.latest_s) if time_s is not None]
        on_damaged_end(clock.film_s(max(known_s, default=None)))


def _sound_pictures(
    film: Film, survey: Survey, damage: DamageTracker, threads: int
) -> Iterator[tuple[Decoded, Lost | None]]:
    """Pictures in presentation order, but for those that damage may affect; each with what is lost before it."""
    sieve = _Sieve(film, damage)
    for decoded in _pictures(film, survey, damage, threads):
        yield from sieve.add(decoded)
    yield from sieve.finish()


class _Sieve:
    """Holds pictures back until it is certain that they are sound and in their places.

    B-frames wait for what follows them, and the last frames for a damaged one that was decoded before them and comes
    out later. Where pictures have no times of their own, the last before damage may have come out too early, and a key
    frame after damage is in doubt until it is known whether pictures lead it that did not come out.
    """

    def __init__(self, film: Film, damage: DamageTracker) -> None:
        self._damage = damage
        self._has_times = film.has_times
        self._held: list[tuple[Decoded, Lost | None]] = []
        self._doubtful: int | None = None
        """Ordinal of the key frame in doubt."""

    def add(self, decoded: Decoded) -> list[tuple[Decoded, Lost | None]]:
        """Takes the next picture; what is certain now."""
        if self._doubtful is not None and (decoded.frame.key_frame or len(self._held) > REORDERED_FRAMES):
            self._leave_out_held()
            self._damage.begin(self._doubtful, is_damaged=True, is_all=True)
            self._doubtful = None
        if decoded.frame.is_corrupt:
            while self._held and self._held[-1][0].ordinal > decoded.ordinal:
                self._damage.leave_out(*self._held.pop())
        was_running = self._damage.is_active
        if not self._damage.is_sound(decoded):
            if not self._has_times and not was_running:
                self._leave_out_held()
            return []
        lost = self._damage.take_lost()
        self._held.append((decoded, lost))
        self._consider_place(decoded, is_first=lost is not None)
        if self._doubtful is not None or decoded.frame.pict_type == PictureType.B:
            return []
        n_certain = max(0, len(self._held) - HELD_FRAMES)
        certain, self._held = self._held[:n_certain], self._held[n_certain:]
        return certain

    def _consider_place(self, decoded: Decoded, *, is_first: bool) -> None:
        """`is_first`: it is the first after damage."""
        if is_first and not self._has_times and decoded.place == decoded.ordinal:
            self._doubtful = decoded.ordinal
        elif self._doubtful is not None and decoded.ordinal == self._doubtful + 1:
            self._doubtful = None

    def finish(self) -> list[tuple[Decoded, Lost | None]]:
        """What is certain when the film is over."""
        was_running = self._damage.is_active
        self._damage.end()
        if self._doubtful is not None or (self._damage.is_active and not was_running and not self._has_times):
            self._leave_out_held()
        return self._held

    def _leave_out_held(self) -> None:
        while self._held:
            self._damage.leave_out(*self._held.pop())


def _pictures(film: Film, survey: Survey, damage: DamageTracker, threads: int) -> Iterator[Decoded]:
    """All pictures that come out of the decoder. Raises _DecodingFailed where threads hide what fails."""
    slots = None if film.has_times else Slots(survey)
    with open_container(film.path) as container:
        stream = container.streams[film.stream_index]
        assert isinstance(stream, av.VideoStream)
        stream.codec_context.thread_count = threads
        stream.thread_type = "AUTO"
        stream.codec_context.flags |= Flags.copy_opaque
        ordinal = n_shown = 0
        recent: deque[int] = deque(maxlen=REORDERED_FRAMES)
        """Ordinals of the last frames shown."""
        for packet in packets_of(container, stream):
            if packet.size:
                packet.opaque = ordinal
                packet_s = _presented_s(packet) if slots is None else slots.add(ordinal, packet)
                damage.latest_s = max(filter(is_known, (damage.latest_s, packet_s)), default=None)
                ordinal += 1
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                if threads > 1:
                    raise _DecodingFailed from None
                damage.begin(ordinal - 1, is_damaged=True, is_all=True)
                if slots is not None:
                    slots.drop(ordinal - 1)
                continue
            for frame in frames:
                of = frame.opaque if isinstance(frame.opaque, int) else n_shown
                n_shown += 1
                is_restart = survey.restarts is not None and of in survey.restarts
                place = of if is_restart else of + sum(each > of for each in recent)
                recent.append(of)
                stream_s = None if frame.pts is None else float(frame.time)
                if slots is not None:
                    stream_s = slots.take(place if frame.key_frame else None)
                yield Decoded(frame, of, place, stream_s)
        file = film_file_of(container)
        damage.is_given_up = file is not None and file.has_given_up


def _presented_s(packet: av.Packet[av.VideoStream]) -> float | None:
    return None if packet.pts is None else float(packet.pts * packet.time_base)
