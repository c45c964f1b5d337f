"""What the note beside a project says of its films, in words. Pure; each is empty where there is nothing to say."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from framed.errors import listed
from framed.policy.admission import FilmStatus, Ready
from framed.watching.catalog import CatalogFilm
from framed.watching.film_statuses import film_status_text
from framed.watching.scan import FilmImages


def joined(*parts: str) -> str:
    """One note of several."""
    return "; ".join(part for part in parts if part)


def failed_text(films: Sequence[str]) -> str:
    if not films:
        return ""
    return f"{len(films)} film{'s' * (len(films) != 1)} of the project failed: {listed(films)}"


def cancelled_words(why: str) -> str:
    """Of a project whose last job was cancelled although there was nothing left that had to be extracted."""
    return f"its last job was cancelled{f' ({why})' if why else ''}; all of its films are extracted"


def lost_text(seconds: float) -> str:
    return f"{seconds:.1f} s of film are damaged or missing, see failed_ranges in its results" if seconds else ""


def missing_text(films: Sequence[str]) -> str:
    return f"images are gone of {listed(films)}; `submit` extracts them again" if films else ""


def no_results_words(project: str, *, are_cleaned: bool) -> str:
    """Of a project that was extracted."""
    happened = "cleaned" if are_cleaned else "its results are gone"
    return f"{happened}; framectl submit {shlex.quote(project)} extracts it again"


def doubt_text(film: str, standing: FilmStatus) -> str:
    """`onward.mp4 cannot be opened (it is empty)`, of one that is to be extracted all the same."""
    return f"{film} {film_status_text(standing)}" if isinstance(standing, Ready) and standing.doubt else ""


def ignored_text(project: str, standings: Sequence[tuple[CatalogFilm, FilmStatus]]) -> str:
    """`standings`: of films that are ignored, 1 or more."""
    film, first = standings[0]
    more = len(standings) - 1
    others, them = (f" and {more} more are", "them") if more else (" is", "it")
    why = f"{film.name}{others} ignored: {film_status_text(first)}"
    return f"{why}; framectl submit {shlex.quote(project)} extracts {them} all the same"


def replaced_text(project: str, images: Collection[FilmImages]) -> str:
    """`images`: of films that are no longer there, although there are others of their names."""
    if not images:
        return ""
    number = sum(each.number for each in images)
    films = listed(sorted({each.film for each in images}))
    still = f"frames/ still has {number:,} image{'s' * (number != 1)} of an earlier {films}"
    return f"{still}; framectl clean {shlex.quote(project)} --replaced deletes {'them' if number != 1 else 'it'}"
