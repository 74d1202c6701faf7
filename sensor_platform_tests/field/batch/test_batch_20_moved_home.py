"""A data folder that was moved or copied answers from where it is now, or names the command that makes it so."""

import shutil
from pathlib import Path

import pytest

from sensor_platform_tests.field.batch.rig import Place, documentation

_COUNT = "select count(*) as n from readings_1h where device_id = 'valve-1'"


@pytest.fixture
def copy(built: Place, tmp_path: Path) -> Path:
    """A copy whose original still stands."""
    copied = tmp_path / "copy"
    shutil.copytree(built.home, copied)
    return copied


def test_batch_20_a_moved_home_answers_or_names_the_cure(built: Place, copy: Path, tmp_path: Path) -> None:
    built.must("publish", "--relink", copy / "published")
    before = built.rows(_COUNT, home=copy)
    moved = copy.rename(tmp_path / "moved")
    said = built.run("query", "--format", "json", _COUNT, home=moved)
    if said.code:
        assert "sensor-platform publish" in said.text.partition("hint: ")[2], f"the hint leads elsewhere: {said.text}"
    else:
        assert built.rows(_COUNT, home=moved) == before


def test_batch_20_a_copy_does_not_answer_from_its_original(built: Place, copy: Path) -> None:
    shutil.rmtree(copy / "published" / "readings_1h")
    said = built.run("query", "--format", "json", _COUNT, home=copy)
    assert said.code, f"the copy has no readings_1h, and answers {said.out} from the original"


def test_batch_20_moving_and_copying_are_documented() -> None:
    pages = documentation("tables.md") + documentation("commands.md")
    assert "--relink" in pages
