"""Versions depend on the names and bytes of their part's files, and on nothing else."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.versions.site_files import SiteFiles, changed_at, marks_of, read_site_files

PARTS = {"contracts": "contracts/a.yaml", "catalog": "catalog/metrics.csv", "rules": "rules.yaml", "site": "site.yaml"}
contents = st.dictionaries(st.sampled_from([*PARTS.values(), "contracts/b.yaml"]), st.binary(max_size=20))


@given(contents, contents)
def test_a_version_is_eight_hex_digits_and_changes_with_its_part_alone(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    first, second = SiteFiles(one).versions, SiteFiles(other).versions
    for part, name in PARTS.items():
        prefix = name.partition("/")[0]
        assert re.fullmatch("[0-9a-f]{8}", getattr(first, part))
        pieces = [{key: body for key, body in each.items() if key.startswith(prefix)} for each in (one, other)]
        assert (getattr(first, part) == getattr(second, part)) == (pieces[0] == pieces[1])


def test_a_site_without_a_folder_has_no_files() -> None:
    assert read_site_files(None).content == {}
    assert marks_of(None) == ()
    assert changed_at(None) == 0.0


def test_marks_and_time_of_change_follow_each_file_that_counts(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("name: a\n")
    marks, at = marks_of(tmp_path), changed_at(tmp_path)
    (tmp_path / "README").write_text("of no account\n")
    assert marks_of(tmp_path) == marks
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "a.yaml").write_text("name: a\n")
    assert marks_of(tmp_path) != marks
    assert changed_at(tmp_path) >= at
    assert set(read_site_files(tmp_path).content) == {"site.yaml", "contracts/a.yaml"}
