"""What a user has removed from a film's images, or put back, since they were listed.

An image is removed when it is missing while others of its film exist. When all of a film's images are missing they are
lost, with their folder or disk, and are made again.
"""

from __future__ import annotations

import os
from pathlib import PurePosixPath

from frame_extractor.contract.results import ManifestEntry
from frame_extractor.output.manifest import Output
from frame_extractor.output.own_files import has_size


def record_changes(output: Output, fingerprint: str) -> bool:
    """The output knows what is removed of the film; whether that has changed. For films whose images are settled."""
    listed, removed = output.images.get(fingerprint, ()), output.removed.get(fingerprint, ())
    missing = missing_images(output, fingerprint)
    if len(missing) == len(listed):
        missing = ()
    frames_dir = output.layout.frames_dir
    restored = [entry for entry in removed if entry.size_bytes and has_size(frames_dir / entry.file, entry.size_bytes)]
    if not missing and not restored:
        return False
    output.removals.restore(fingerprint, [entry.frame_index for entry in restored])
    output.removals.add(fingerprint, [entry.frame_index for entry in missing])
    output.put_images(fingerprint, [*listed, *removed])
    return True


def missing_images(output: Output, fingerprint: str) -> tuple[ManifestEntry, ...]:
    """Images of the film that are to be there, and are not."""
    listed = output.images.get(fingerprint, ())
    present: dict[PurePosixPath, frozenset[str]] = {}
    for folder in {PurePosixPath(entry.file).parent for entry in listed}:
        try:
            present[folder] = frozenset(os.listdir(output.layout.frames_dir / folder))
        except OSError:
            present[folder] = frozenset()
    paths = ((entry, PurePosixPath(entry.file)) for entry in listed)
    return tuple(entry for entry, path in paths if path.name not in present[path.parent])


def is_curated(output: Output, fingerprint: str) -> bool:
    """Whether anything of the film is removed, noticed or not."""
    return bool(output.removals.of(fingerprint) or missing_images(output, fingerprint))
