"""Films that others take the place of: before, while and after they are extracted, with the real extractor."""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from frame_extractor.contract.fingerprint import film_fingerprint
from framed.ctl.client import connect
from framed.protocol.messages import Clean, CleanReply, ProjectState
from tests.harness.films import FilmPlan, write_film
from tests.harness.root import Root
from tests.harness.until import until

COMPLETE = ProjectState.COMPLETE


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Two films."""
    folder = tmp_path_factory.mktemp("films")
    plans = (FilmPlan(), FilmPlan(cuts=(24, 60)))
    one, other = (write_film(folder / f"{n}.mp4", plan).read_bytes() for n, plan in enumerate(plans))
    return one, other


def put(path: Path, content: bytes) -> None:
    """As programs do that write whole files: under another name first."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_name("new.part")
    new.write_bytes(content)
    new.rename(path)


def clean_replaced(root: Root, *, dry_run: bool) -> CleanReply:
    with connect(root.places) as daemon:
        request = Clean(project="reel", replaced=True, dry_run=dry_run, key=uuid.uuid4().hex)
        return daemon.call("clean", request, CleanReply)


def images(root: Root) -> dict[str, set[str]]:
    """Fingerprint -> its images, as the manifest lists them."""
    found: dict[str, set[str]] = {}
    for line in root.layout("reel").manifest.read_text().splitlines():
        entry = json.loads(line)
        found.setdefault(entry["fingerprint"], set()).add(entry["file"])
    return found


def there(root: Root) -> set[str]:
    """The images that lie there."""
    frames = root.layout("reel").frames_dir
    return {str(path.relative_to(frames)) for path in frames.rglob("*.jpg")}


def test_film_that_replaces_an_extracted_one_is_extracted_and_the_old_images_have_one_end(
    root: Root, contents: tuple[bytes, bytes]
) -> None:
    """They stay, the note says so with what to type, and that takes away these and no other."""
    film = root.places.films_dir("reel") / "reel.mp4"
    put(film, contents[0])
    root.start(real=True)
    first = root.wait_for("reel", COMPLETE)
    old = film_fingerprint(film)
    put(film, contents[1])
    new = film_fingerprint(film)
    second = until(
        lambda: now if (now := root.status("reel")) and now.state is COMPLETE and now.job_id != first.job_id else None,
        "the new film is extracted",
    )
    listed = images(root)
    assert set(listed) == {old, new}
    assert second.frames == len(listed[old]) + len(listed[new])
    still = f"frames/ still has {len(listed[old])} images of an earlier reel.mp4"
    assert second.reason == f"{still}; framectl clean reel --replaced deletes them"
    assert clean_replaced(root, dry_run=True).images == len(listed[old])
    assert clean_replaced(root, dry_run=False).images == len(listed[old])
    assert (images(root), there(root)) == ({new: listed[new]}, listed[new])
    until(lambda: (now := root.status("reel")) and (now.state, now.reason) == (COMPLETE, ""), "nothing is said of it")
    assert clean_replaced(root, dry_run=False).images == 0
    assert root.wait_for("reel", COMPLETE).job_id == second.job_id


def test_films_that_were_renamed_or_deleted_are_no_replaced_ones(root: Root, contents: tuple[bytes, bytes]) -> None:
    """Two change their names with each other; then one has a third name, and the other goes, to make room."""
    folder = root.places.films_dir("reel")
    put(folder / "a.mp4", contents[0])
    put(folder / "b.mp4", contents[1])
    root.start(real=True)
    job_id = root.wait_for("reel", COMPLETE).job_id
    (folder / "a.mp4").rename(folder / "c.part")
    (folder / "b.mp4").rename(folder / "a.mp4")
    (folder / "c.part").rename(folder / "b.mp4")
    root.film("marker").unlink()
    put(root.places.films_dir("marker") / "marker.mp4", contents[0])
    root.wait_for("marker", COMPLETE)
    status = root.wait_for("reel", COMPLETE)
    assert (status.reason, status.job_id) == ("", job_id)
    (folder / "a.mp4").rename(folder / "z.mp4")
    (folder / "b.mp4").unlink()
    until(lambda: (now := root.status("reel")) and now.films == 1, "one is gone")
    status = root.wait_for("reel", COMPLETE)
    assert (status.reason, status.job_id) == ("", job_id)


def test_film_that_is_renamed_while_it_runs_is_extracted_once(root: Root, tmp_path: Path) -> None:
    """The attempt goes on to its end, and under its new name it is no new film."""
    film = root.places.films_dir("reel") / "reel.mp4"
    put(film, write_film(tmp_path / "long.mp4", FilmPlan(n_frames=480)).read_bytes())
    root.start(real=True)
    until(lambda: there(root), "images appear")
    film.rename(film.with_name("Reel (2020).mp4"))
    job_id = root.wait_for("reel", COMPLETE).job_id
    root.film("marker").unlink()
    put(root.places.films_dir("marker") / "marker.mp4", film.with_name("Reel (2020).mp4").read_bytes())
    root.wait_for("marker", COMPLETE)
    status = root.wait_for("reel", COMPLETE)
    assert (status.job_id, status.reason, len(root.attempts("reel"))) == (job_id, "", 1)


@pytest.mark.parametrize("how", [put, Path.write_bytes])
def test_film_replaced_while_it_runs_leaves_no_image_and_the_new_one_is_extracted(
    root: Root, tmp_path: Path, contents: tuple[bytes, bytes], how: Callable[[Path, bytes], object]
) -> None:
    """By another file or overwritten in its place: once, without charging the attempt that was in vain."""
    film = root.places.films_dir("reel") / "reel.mp4"
    put(film, write_film(tmp_path / "long.mp4", FilmPlan(n_frames=480)).read_bytes())
    root.start(real=True)
    until(lambda: there(root), "images appear")
    extractor = root.extractor("reel")
    os.kill(extractor.pid, signal.SIGSTOP)
    how(film, contents[1])
    os.kill(extractor.pid, signal.SIGCONT)
    status = root.wait_for("reel", COMPLETE)
    new = film_fingerprint(film)
    assert images(root) == {new: there(root)}
    assert (status.attempt, status.reason) == (1, "")
