"""A setting of an extraction is declared in one place, and everything that knows settings follows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import frame_extractor
import framed
from frame_extractor.contract.declaration import declared
from frame_extractor.contract.results import ResultsConfig
from frame_extractor.contract.settings import ExtractionSettings
from framed.model.project import FrameExtraction, Overrides
from framed.settings.reference import table, with_tables

REPOSITORY = Path(__file__).parents[2]
NEW = """    grain: Annotated[
        int, msgspec.Meta(ge=0, le=9), Setting(help="How much grain is kept.", metavar="GRADE", since="99.0")
    ] = 2

    @property
    def image_key"""
SHOWN = """
import json
from pathlib import Path
from frame_extractor.contract.results import ResultsConfig
from framed.model.project import Overrides
from framed.settings.config import load_settings, resolve
from framed.settings.places import load_places
from framed.settings.reference import table
import msgspec
places = load_places(Path.cwd())
settings = load_settings(places)
of_file, of_option = (resolve(settings, places, "onward", each) for each in (Overrides(), Overrides(grain=4)))
print(json.dumps({
    "file": [of_file.extraction.grain, of_file.origins["grain"]],
    "option": [of_option.extraction.grain, of_option.origins["grain"]],
    "table": table("frame_extraction"),
    "config": msgspec.json.decode(Path("old.json").read_bytes(), type=ResultsConfig).grain,
}))
"""


@pytest.fixture
def changed(tmp_path: Path) -> dict[str, str]:
    """The environment of the programs as they are with one more setting: the declaration is all that differs."""
    for package in (framed, frame_extractor):
        source = Path(package.__path__[0])
        shutil.copytree(source, tmp_path / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "frame_extractor/contract/settings.py"
    text = file.read_text()
    assert text.count("    @property\n    def image_key") == 1
    file.write_text(text.replace("    @property\n    def image_key", NEW))
    return {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"}


def run(environ: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=False)


def test_setting_that_is_added_in_one_place_is_known_everywhere(changed: dict[str, str], tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "configs/projects").mkdir(parents=True)
    (root / "configs/framed.yaml").write_text("frame_extraction: {grain: 3}\n")
    old = ResultsConfig(workers=1, **msgspec.structs.asdict(ExtractionSettings()))
    (root / "old.json").write_bytes(msgspec.json.encode(old))

    shown = run(changed, root, "-c", SHOWN)
    assert shown.returncode == 0, shown.stderr
    facts = json.loads(shown.stdout)
    assert facts["file"] == [3, "configs/framed.yaml"]
    assert facts["option"] == [4, "--grain"]
    assert "| `grain` | a whole number from 0 to 9 | `2` | how much grain is kept |\n" in facts["table"]
    assert facts["config"] == 2  # of results that were written before there was the setting

    framectl = "from framed.ctl.__main__ import main; import sys; sys.exit(main())"
    for program in (("-m", "frame_extractor", "--help"), ("-c", framectl, "submit", "--help")):
        printed = run(changed, root, *program).stdout
        assert "--grain GRADE" in printed
        assert "How much grain is kept." in printed
    refused = run(changed, root, "-m", "frame_extractor", "film.mkv", "-o", "out", "--grain", "10").stderr
    assert "--grain" in refused
    assert "0<=x<=9" in refused
    refused = run(changed, root, "-c", framectl, "submit", "onward", "--dry-run", "--grain", "10").stderr
    assert "must be a whole number from 0 to 9, not 10" in refused
    (root / "configs/projects/onward.yaml").write_text("frame_extraction: {grain: ten}\n")
    refused = run(changed, root, "-c", SHOWN).stderr
    assert "frame_extraction.grain: must be a whole number from 0 to 9, not 'ten'" in refused


@pytest.mark.parametrize("name", FrameExtraction.__struct_fields__)
def test_every_setting_is_declared(name: str) -> None:
    assert name in {each.name for each in declared(FrameExtraction)}
    assert name in Overrides.__struct_fields__


def test_configuration_page_has_the_tables_of_the_declaration() -> None:
    """`make settings` writes them."""
    page = (REPOSITORY / "docs/configuration.md").read_text(encoding="utf-8")
    assert with_tables(page) == page
    for section in ("frame_extraction", "quality"):
        assert table(section) in page


def test_config_of_the_results_begins_with_the_fields_that_the_guide_knows() -> None:
    names = ResultsConfig.__struct_fields__
    assert names[:6] == ("mode", "scene_threshold", "frames_per_scene", "interval_seconds", "quality", "workers")
    assert names[6:10] == ("min_scene_length", "sampling", "blur_threshold", "max_failed_fraction")
