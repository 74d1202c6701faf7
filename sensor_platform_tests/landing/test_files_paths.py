"""Where the files of a segment are."""

from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.landing.files.paths import aside, segment_paths, set_aside

NAME = "col-1772366400000-00000001"


def test_files_lie_in_the_folder_of_the_day_of_the_first_message(tmp_path: Path) -> None:
    home = Home(tmp_path)
    paths = segment_paths(home, NAME, 1_772_452_800_000_000)
    assert paths.landing == home.landing / "2026-03-02" / f"{NAME}.parquet"
    assert paths.quarantine == home.quarantine / "2026-03-02" / f"{NAME}.parquet"
    assert paths.raw == home.raw / "2026-03-02" / f"{NAME}.zst"


def test_without_messages_the_day_is_that_of_the_collectors_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert segment_paths(home, NAME, None).landing.parent.name == "2026-03-01"
    assert segment_paths(home, "other", None).landing.parent.name == "1970-01-01"


def test_a_segment_that_is_landed_again_has_other_files_but_the_same_archive(tmp_path: Path) -> None:
    paths = segment_paths(Home(tmp_path), NAME, None, "~5")
    assert (paths.landing.name, paths.raw.name) == (f"{NAME}~5.parquet", f"{NAME}.zst")


def test_what_is_set_aside_overwrites_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    found = []
    for content in ("first", "second", "third"):
        path = tmp_path / "file"
        path.write_text(content)
        found.append(set_aside(home, path))
        assert not path.exists()
    assert [path.name for path in found] == ["file", "file.2", "file.3"]
    assert [path.read_text() for path in found] == ["first", "second", "third"]
    assert {path.parent for path in found} == {aside(home)}
