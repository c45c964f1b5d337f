"""From picks to published images: what a scan has written is published at once, other picks wait for the repair."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from frame_extractor.contract.results import RejectReason
from frame_extractor.output.picture import Images, Picture
from frame_extractor.output.sinks.jpeg import measures_of
from frame_extractor.picking.plan import Pick
from frame_extractor.pipeline.film_progress import FilmProgressReporter
from frame_extractor.reading.film import Film
from frame_extractor.workers.tasks import Written


class PickDelivery:
    """The picks of one film: published, left out, or missing."""

    def __init__(self, film: Film, images: Images, reporter: FilmProgressReporter, *, keep_all: bool) -> None:
        """`keep_all`: picks that are left out are written as well."""
        self._film = film
        self._keep_all = keep_all
        self._images = images
        self._reporter = reporter
        self._candidates: dict[int, Written] = {}
        """By frame index: images of scanned spans that no pick has claimed yet."""
        self.missing: dict[int, Pick] = {}
        """By frame index: picks that no scan has written."""
        self.blurred: set[int] = set()
        """Frame indices of pictures that are too blurred to be written, picked or not."""
        self.n_images = 0
        self.n_blurred = 0
        """Picks that are not published, because they are too blurred."""
        self._image_bytes = 0

    def add_candidates(self, written: Iterable[Written]) -> None:
        """Images that picks may claim."""
        self._candidates |= {image.frame_index: image for image in written}

    def deliver(self, picks: list[Pick]) -> None:
        """Publishes those of the picks that are written, and notes the others as missing. In order of frames."""
        for pick in picks:
            if self._images.is_removed(pick.frame_index):
                if pick.rejected is None:
                    self._images.leave_out(pick, self._film.width, self._film.height)
                else:
                    self._images.reject(pick)
                continue
            if not self._keep_all and (pick.rejected is not None or pick.frame_index in self.blurred):
                self._publish(pick, None)
                continue
            image = self._candidates.pop(pick.frame_index, None) or self._reusable(pick.frame_index)
            if image is not None:
                self._publish(pick, image)
            else:
                self.missing[pick.frame_index] = pick
        if picks:
            # Images of frames that can no longer be picked take up disk for nothing.
            self._drop_candidates([index for index in self._candidates if index < picks[-1].frame_index])
        self._reporter.missing(len(self.missing))

    def deliver_missing(self, image: Written) -> None:
        """The image of a missing pick has been written, or is too blurred to be; others are ignored."""
        pick = self.missing.pop(image.frame_index, None)
        if pick is not None:
            self._publish(pick, image)
            self._reporter.repaired()

    def drop_candidates(self) -> None:
        """All picks have been delivered: what no pick has claimed is deleted."""
        self._drop_candidates([*self._candidates])

    def _drop_candidates(self, frame_indices: list[int]) -> None:
        for frame_index in frame_indices:
            path = self._candidates.pop(frame_index).path
            assert path is not None, "candidates are images"
            path.unlink(missing_ok=True)

    def _reusable(self, frame_index: int) -> Written | None:
        """The picture of this frame that an earlier attempt has made, if the file is complete."""
        for path in self._images.reusable(frame_index):
            measures = measures_of(path)
            if measures is not None:
                return Written(frame_index, path, *measures)
        return None

    def _publish(self, pick: Pick, image: Written | None) -> None:
        """`image`: None for one that is left out and not kept."""
        if image is not None and image.is_blurred:
            self.blurred.add(pick.frame_index)
        if pick.rejected is None and pick.frame_index in self.blurred:
            self.n_blurred += 1
            pick = msgspec.structs.replace(pick, rejected=RejectReason.BLURRED)
        if image is None or image.path is None:
            self._images.reject(pick)
            return
        picture = Picture(pick, image.path, image.size_bytes, image.width, image.height)
        if pick.rejected is not None:
            self._images.reject(pick, picture)
            return
        self._images.publish(picture)
        self.n_images += 1
        self._image_bytes += image.size_bytes
        self._reporter.published(self.n_images, self._image_bytes)
