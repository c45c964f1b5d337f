"""Whether a film can be cut into chunks: by its format, and by decoding its first pictures from chunks of their own."""

from __future__ import annotations

import io
import itertools

import av

from frame_extractor.errors import NeedsWholeFilm
from frame_extractor.reading.concealment import decode_checked
from frame_extractor.reading.film import Film
from frame_extractor.reading.gops import Gop, open_gops
from frame_extractor.reading.packets import DemuxerErrors
from frame_extractor.reading.remux import MATROSKA_CODECS, remux

TRIAL_GOPS = 2
MAX_TRIAL_GOPS = 8
"""Tried at most, where the film's first are damaged."""
TRIAL_PACKETS = 32
"""Pictures of each that are decoded first, to see that a packet is a picture and that a GOP can be decoded alone."""


def reason_to_read_whole(film: Film) -> str | None:
    """Why this film cannot be cut into chunks and has to be decoded in one go; None when it can be cut."""
    if film.codec not in MATROSKA_CODECS:
        return f"{film.codec} cannot be carried in Matroska"
    if not film.has_times:
        return f"{film.container} stores no presentation times"
    try:
        return _trial(film)
    except NeedsWholeFilm as need:
        return need.reason


def _trial(film: Film) -> str | None:
    """Decodes a few pictures: is each packet one picture, and can each GOP be decoded alone?

    With gradual decoder refresh instead of key frames, none can.
    """
    n_tried = n_sound = 0
    with open_gops(film, DemuxerErrors()) as (stream, parts):
        gops = (part for part in parts if isinstance(part, Gop))
        for gop in itertools.islice(gops, MAX_TRIAL_GOPS):
            packets = gop.own()[:TRIAL_PACKETS]
            n_pictures = _n_decoded(remux(stream, film, packets))
            if n_pictures is not None and n_pictures != len(packets):
                return f"{len(packets)} packets hold {n_pictures} pictures"
            n_tried += 1
            n_sound += n_pictures is not None
            if n_sound == TRIAL_GOPS:
                break
    if not n_tried:
        return "no key frame"
    return None if n_sound else "its first pictures do not decode"


def _n_decoded(remuxed: bytes) -> int | None:
    """How many pictures come out of it; None when it is damaged, which says nothing of how the stream is made."""
    n_pictures = 0
    with av.open(io.BytesIO(remuxed), "r") as chunk:
        chunk.streams.video[0].codec_context.thread_count = 1
        for packet in chunk.demux(video=0):
            frames, is_whole = decode_checked(packet)
            if not is_whole:
                return None
            n_pictures += len(frames)
    return n_pictures
