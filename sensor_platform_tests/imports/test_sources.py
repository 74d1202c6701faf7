"""Files of history as frames of rows."""

from pathlib import Path

import polars as pl
import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.imports import sources
from sensor_platform.imports.sources import EXTRA, batches, open_source
from sensor_platform.kernel.durable import sha256


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def rows(path: Path, separator: str | None = None) -> list[tuple[object, ...]]:
    frames = [frame.drop(EXTRA, strict=False) for frame in batches(open_source(path, separator))]
    return [row for frame in frames for row in frame.rows()]


def test_a_csv_file_has_texts_and_blank_cells_are_null(tmp_path: Path) -> None:
    path = file(tmp_path, "h.csv", 'id,t\na,1\n"b, c",\n\nd\n')
    source = open_source(path, None)
    assert (source.columns, source.sha256) == (("id", "t"), sha256(path))
    assert rows(path) == [("a", "1"), ("b, c", None), ("d", None)]


def test_the_separator_is_given_or_follows_from_the_ending(tmp_path: Path) -> None:
    assert rows(file(tmp_path, "h.tsv", "id\tt\na\t1\n")) == [("a", "1")]
    assert rows(file(tmp_path, "h.csv", "id;t\na;1\n"), ";") == [("a", "1")]


def test_a_parquet_file_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "h.parquet"
    pl.DataFrame({"id": [7], "t": [1.5]}).write_parquet(path)
    assert rows(path) == [(7, 1.5)]


def test_cells_beyond_the_header_are_seen(tmp_path: Path) -> None:
    (frame,) = batches(open_source(file(tmp_path, "h.csv", "id,t\na,1,9\nb,2\n"), None))
    assert frame[EXTRA].is_not_null().to_list() == [True, False]


def test_rows_come_in_batches_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BATCH_ROWS", 3)
    path = file(tmp_path, "h.csv", "n\n" + "".join(f"{number}\n" for number in range(10)))
    frames = list(batches(open_source(path, None)))
    assert [value for frame in frames for value in frame["n"].to_list()] == [str(number) for number in range(10)]
    assert max(len(frame) for frame in frames) <= 3


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("h.xlsx", "x", "neither CSV nor Parquet"),
        ("h.parquet", "x", "cannot be read"),
        ("h.csv", "", "cannot be read"),
        ("h.csv", "a,a\n1,2\n", "two columns 'a'"),
    ],
)
def test_another_file_is_refused_with_the_reason(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(WrongUse, match=reason):
        open_source(file(tmp_path, name, text), None)
    with pytest.raises(WrongUse, match="is not a file"):
        open_source(tmp_path / "missing.csv", None)
