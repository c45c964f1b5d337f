"""Moves finished pictures from `temp/` into `frames/`, and takes away those of the film's earlier sets.

Only ever overwrites or deletes files that are ours (own_files.py): captions and whatever else people keep beside the
images stay. What is in the way of an image, or was one of ours until somebody changed it, is put aside, and only when
the film is complete.

On a film's first run each picture appears as it is finished. Where the film has listed images (`--force`, other
settings), the new ones are held back until the film is complete, so that a set is never a mix while it can be helped.
A picture that was made before, exactly as it is wanted now, is not made again: it is moved to its new name.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import ManifestEntry, RejectedEntry
from frame_extractor.contract.settings import Names
from frame_extractor.output.journal import Journal, JournalHeader
from frame_extractor.output.names import image_name
from frame_extractor.output.own_files import OwnFiles
from frame_extractor.output.rejected import RejectedFrames, measures_of
from frame_extractor.output.reusable_images import ReusableImages

if TYPE_CHECKING:
    from frame_extractor.output.picture import Picture
    from frame_extractor.picking.plan import Pick


class Publisher:
    """Publishes one film's pictures. `publish` them all, then `complete`, save the manifest, and `delete_journal`."""

    def __init__(
        self,
        layout: OutputLayout,
        *,
        fingerprint: str,
        header: JournalHeader,
        listed: Iterable[ManifestEntry],
        is_usable: Callable[[JournalHeader], bool],
        listed_is_usable: bool,
        taken_over: Path,
        removed: Collection[int] = (),
        removed_since: Collection[int] = (),
        rejected: Iterable[RejectedEntry] = (),
        names: Names = Names.GUIDE,
        before_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`listed`: the film's images in the manifest, not removed ones. `rejected`: the film's frames that were left
        out before. `taken_over`: pictures of killed attempts.
        `removed`: indices of frames of which no image is to be made; `removed_since`: more of them, which an earlier
        attempt had published.

        `before_change` is called before anything is changed; what it raises keeps that from happening.
        `is_usable` says of a journal's section, and `listed_is_usable` of what is listed, whether those images are as
        they would be made now.
        """
        self._layout = layout
        self._before_change = before_change
        self._fingerprint = fingerprint
        self._header = header
        self.folder = header.folder
        listed = list(listed)
        self._listed = {entry.file for entry in listed}
        self._names = names
        self.removed = frozenset((*removed, *removed_since))
        """Indices of frames of which no image is to be made."""
        self.rejected = RejectedFrames(
            layout,
            film=header.name or Path(header.film).name,
            fingerprint=fingerprint,
            folder=header.folder,
            names=names,
            listed=rejected,
        )
        self._present = {e.file: e.frame_index for e in listed if os.path.lexists(layout.frames_dir / e.file)}
        """Of what is listed, and published, by file: what is missing in the end, a user has removed meanwhile."""
        self._entries: dict[str, ManifestEntry] = {}
        self._deferred: dict[str, Path] = {}
        """Where the pictures are that wait for the others, by the file they will be: all where the film is listed, else
        those whose place somebody else's file has.
        """
        self.set_aside: list[Path] = []
        """What was in the way of images and is not ours, where it is now."""
        self.removed_meanwhile = frozenset(removed_since)
        """Frames whose images a user has removed since the film was begun; all of them when it is complete."""
        self._journal = Journal(layout, fingerprint)
        sections = self._journal.sections()
        self._leftover = {name for _, images in sections for name, _ in images}
        """In `frames/`, or about to be when an attempt was killed; of this film, and not of its new set so far."""
        self._own = OwnFiles.named_by(layout, listed, [self._journal])
        self._reusable = ReusableImages()
        self._reusable.add_journaled(layout.frames_dir, self._own, sections, is_usable)
        if listed_is_usable:
            self._reusable.add_listed(layout.frames_dir, listed)
            self._reusable.add(self.rejected.listed_images())
        self._reusable.add(taken_over.iterdir())
        before_change()
        (layout.frames_dir / self.folder).mkdir(parents=True, exist_ok=True)
        if not self._listed:
            self._journal.begin_section(header)

    def reusable(self, frame_index: int) -> Sequence[Path]:
        """Where earlier attempts may have put the picture of this frame, as it is wanted now; perhaps not whole."""
        return self._reusable.of(frame_index)

    def is_removed(self, frame_index: int) -> bool:
        """Whether a user has removed this frame: `leave_out` its pick then."""
        return frame_index in self.removed

    def leave_out(self, pick: Pick, width: int, height: int) -> None:
        """The pick counts as made and removed."""
        self._add_entry(pick, size_bytes=0, width=width, height=height)

    def reject(self, pick: Pick, picture: Picture | None = None) -> None:
        """The pick is left out; its image is put into `rejected/` when the film is complete."""
        self.rejected.add(pick, picture)

    def publish(self, picture: Picture) -> None:
        """The picture has its final name, or waits for the others. Raises OSError."""
        file = self._add_entry(picture.pick, size_bytes=picture.size_bytes, width=picture.width, height=picture.height)
        if self._listed or not self._own.is_free(file):
            self._deferred[file] = picture.path
            return
        self._before_change()
        self._add_to_journal([file])
        os.replace(picture.path, self._layout.frames_dir / file)
        self._present[file] = picture.pick.frame_index

    def _add_entry(self, pick: Pick, *, size_bytes: int, width: int, height: int) -> str:
        file = (PurePosixPath(self.folder) / image_name(pick, self._names)).as_posix()
        self._entries[file] = ManifestEntry(
            file=file,
            film=self._header.name or Path(self._header.film).name,
            fingerprint=self._fingerprint,
            frame_index=pick.frame_index,
            time_s=pick.time_s,
            scene=pick.scene,
            position=pick.position,
            interval=pick.interval,
            **measures_of(pick),
            size_bytes=size_bytes,
            width=width,
            height=height,
            removed=self.is_removed(pick.frame_index),
        )
        return file

    def _add_to_journal(self, files: Iterable[str]) -> None:
        noted = [(file, self._entries[file].size_bytes) for file in files]
        self._journal.note(noted)
        for file, size_bytes in noted:
            self._own.add(file, size_bytes)

    def restart(self) -> None:
        """What has been published so far does not count: files of names that do not come again go at the end."""
        if not self._listed:
            self._leftover |= self._entries.keys()
            self._present.clear()
        self._entries.clear()
        self._deferred.clear()
        self.rejected.clear()
        self._reusable.clear()
        if not self._listed or self._journal.path.exists():
            self._before_change()
            self._journal.begin_section(msgspec.structs.replace(self._header, restarts=True))

    def complete(self) -> list[ManifestEntry]:
        """`frames/` holds the new set and nothing else of this film. Raises OSError.

        Killed half-way, the journal still names all there may be, and the next attempt ends the same. What is not ours
        has left its place before the journal names that.
        """
        frames = self._layout.frames_dir
        self._leave_out_removed_meanwhile()
        self._before_change()
        self._begin_settling()
        for file in self._deferred:
            if not self._own.is_free(file):
                self._before_change()
                self._note_set_aside(self._own.set_aside(file))
        self._add_to_journal(self._deferred)
        for file, path in self._deferred.items():
            self._before_change()
            os.replace(path, frames / file)
        # Before images of the earlier set go: some of them may be moved there.
        self.rejected.publish(self._before_change)
        wanted = {file for file, entry in self._entries.items() if not entry.removed}
        for file in sorted((self._listed | self._leftover) - wanted):
            self._before_change()
            self._note_set_aside(self._own.remove(file))
        return list(self._entries.values())

    def _leave_out_removed_meanwhile(self) -> None:
        """Images that have been deleted since the attempt began are not made again, unless all of them have been."""
        gone = {frame for file, frame in self._present.items() if not os.path.lexists(self._layout.frames_dir / file)}
        if len(gone) == len(self._present):
            return
        self.removed_meanwhile |= gone
        for file, entry in self._entries.items():
            if entry.frame_index in gone:
                self._entries[file] = msgspec.structs.replace(entry, removed=True)
                self._deferred.pop(file, None)

    def _begin_settling(self) -> None:
        self._journal.begin_section(msgspec.structs.replace(self._header, is_settling=True))

    def _note_set_aside(self, path: Path | None) -> None:
        if path is not None:
            self.set_aside.append(path)

    def delete_journal(self) -> None:
        self._before_change()
        self._journal.delete()

    def close(self) -> None:
        self._journal.close()

    def give_up(self, *, for_good: bool) -> None:
        """The film failed. What is in `frames/` stays, noted in the journal, for the next attempt to replace.

        `for_good`: there is none. Images that no manifest lists are gone, and the film's folder is free.
        """
        if not for_good:
            return
        published = sorted(self._journal.names() - self._listed)
        if published:
            self._before_change()
            self._begin_settling()
        for file in published:
            self._before_change()
            if self._own.is_present(file):
                (self._layout.frames_dir / file).unlink(missing_ok=True)
        self.delete_journal()
        if self.folder:
            with contextlib.suppress(OSError):
                (self._layout.frames_dir / self.folder).rmdir()
