"""Files of unknown origin: `evaluate` reads them correctly, or refuses them with a message of one line."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.predict.evaluate.input_files import as_labels, read_rows
from sensor_platform.predict.evaluate.read_series import EvaluationData, EvaluationRequest, read_series

ROWS = 24 * 12
START = datetime(2024, 1, 1)  # noqa: DTZ001 - naive on purpose, as files come
TIMES = [START + timedelta(hours=number) for number in range(ROWS)]
VALUES = np.round(10 + np.sin(np.arange(ROWS) * 2 * np.pi / 24) + np.arange(ROWS) / 500, 3)


def lines(form: str, separator: str, *, comma: bool = False) -> str:
    shown = [str(value).replace(".", ",") if comma else str(value) for value in VALUES]
    return "\n".join([f"t{separator}y", *(f"{at:{form}}{separator}{v}" for at, v in zip(TIMES, shown, strict=True))])


def table(folder: Path, content: str | bytes | pl.DataFrame, **changes: object) -> EvaluationData:
    file = folder / "given.csv"
    if isinstance(content, pl.DataFrame):
        content.write_parquet(file)
    else:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    asked = {"time": "t", "series": None, "targets": ("y",), "horizon": 3, "test_from": "2024-01-10", **changes}
    return read_series(EvaluationRequest(file, **asked))  # type: ignore[arg-type]


ISO = "%Y-%m-%d %H:%M:%S"


@pytest.mark.parametrize(
    "content",
    [
        lines(ISO, ","),
        lines(ISO, ";"),
        lines(ISO, ";", comma=True),
        lines(ISO, "\t"),
        lines(ISO, "|"),
        "\ufeff" + lines(ISO, ","),
        "# made by a logger\n" + lines(ISO, ","),
        lines(ISO, ", "),
        lines(ISO + "Z", ","),
        lines("%d.%m.%Y %H:%M", ";"),
        lines("%m/%d/%Y %H:%M", ","),
        lines("%d/%m/%Y %H:%M", ","),
        lines("%m/%d/%Y %I:%M:%S %p", ","),
        lines("%s", ","),
    ],
)
def test_the_same_series_is_read_from_every_kind_of_csv(tmp_path: Path, content: str) -> None:
    found = table(tmp_path, content)
    assert found.frame["y"].to_list() == pytest.approx(VALUES.tolist())
    if "%s" not in content:
        assert (found.frame["window_start"][1] - found.frame["window_start"][0]) == timedelta(hours=1)
    assert found.grid.season == 24


def test_letters_of_windows_are_read(tmp_path: Path) -> None:
    head, *rest = lines(ISO, ",").splitlines()
    text = "\n".join([f"{head},Straße", *(f"{line},Köln" for line in rest)])
    assert table(tmp_path, text.encode("windows-1252")).frame.height == ROWS


def test_names_of_series_keep_their_zeros(tmp_path: Path) -> None:
    head, *rest = lines(ISO, ",").splitlines()
    text = "\n".join([f"{head},s", *(f"{line},007" for line in rest), *(f"{line},7" for line in rest)])
    assert table(tmp_path, text, series="s").frame["device_id"].unique().sort().to_list() == ["007", "7"]


def test_words_for_missing_values_and_a_few_bad_times_are_dropped_and_noted(tmp_path: Path) -> None:
    rows = lines(ISO, ",").splitlines()
    rows[5] = rows[5].split(",")[0] + ",?"
    rows[7] = "broken," + rows[7].split(",")[1]
    found = table(tmp_path, "\n".join(rows))
    assert found.frame["y"].null_count() == 1
    assert found.frame.height == ROWS - 1
    assert any("1 rows without a time" in note for note in found.notes)


def test_step_numbers_are_hours_and_the_split_is_one_of_them(tmp_path: Path) -> None:
    found = table(tmp_path, pl.DataFrame({"t": np.arange(1, ROWS + 1), "y": VALUES}), test_from="200")
    assert found.grid.season == 24
    assert found.test_from == 200
    assert any("step numbers" in note for note in found.notes)


@pytest.mark.parametrize("split", ["2024-01-10T00:00+08:00", "2024-01-09T16:00", "2024-01-09T16:00:00Z"])
def test_a_split_may_have_a_zone_and_is_in_utc_without(tmp_path: Path, split: str) -> None:
    zoned = pl.DataFrame({"t": TIMES, "y": VALUES}).with_columns(pl.col("t").dt.replace_time_zone("Asia/Shanghai"))
    found = table(tmp_path, zoned, test_from=split)
    assert found.test_from * 3600 == datetime.fromisoformat("2024-01-10T00:00+08:00").timestamp()


def test_a_clock_that_was_not_set_does_not_stretch_the_raster(tmp_path: Path) -> None:
    strays = pl.DataFrame({"t": [datetime(1970, 1, 1)], "y": [1.0]})  # noqa: DTZ001
    found = table(tmp_path, pl.concat([pl.DataFrame({"t": TIMES, "y": VALUES}), strays]))
    assert found.frame.height == ROWS
    assert any("far before" in note for note in found.notes)


@pytest.mark.parametrize(
    "name", ['a "quoted" name', "select", "Δ℃", "temp, inside", "device_id", "window_start", "mean"]
)
def test_columns_may_have_any_name(tmp_path: Path, name: str) -> None:
    found = table(tmp_path, pl.DataFrame({"when": TIMES, name: VALUES}), time="when", targets=tuple(name.split(",")))
    assert found.frame[found.targets[0]].to_list() == VALUES.tolist()


def test_what_no_instrument_shows_counts_as_missing(tmp_path: Path) -> None:
    odd = np.where(np.arange(ROWS) % 50 == 0, 1e300, VALUES)
    assert table(tmp_path, pl.DataFrame({"t": TIMES, "y": odd})).frame["y"].null_count() == 6


def test_a_cycle_that_no_clock_knows_is_the_season(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    cycle = np.sin(np.arange(ROWS) * 2 * np.pi / 11) + rng.normal(0, 0.3, ROWS)
    found = table(tmp_path, pl.DataFrame({"t": TIMES, "y": cycle}))
    assert (found.seasonal_grid.season, found.grid.season) == (11, 24)
    assert table(tmp_path, pl.DataFrame({"t": TIMES, "y": VALUES})).seasonal_grid.season == 24


@pytest.mark.parametrize("seed", range(10))
def test_a_random_walk_has_no_season_of_its_own(tmp_path: Path, seed: int) -> None:
    walk = np.random.default_rng(seed).normal(0, 1, ROWS).cumsum()
    found = table(tmp_path, pl.DataFrame({"t": TIMES, "y": walk}))
    assert found.seasonal_grid == found.grid


@pytest.mark.parametrize("content", ["", "t,y\n", "PAR1 is not enough", b"\x00\xff\x13"])
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(WrongUse) as caught:
        table(tmp_path, content)
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="does not exist"):
        read_rows(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0, 1, 0, None], [0, 1, 0, None]),
        ([False, True, False, None], [0, 1, 0, None]),
        (["0", "1", "0", ""], [0, 1, 0, None]),
        (["FALSE", "True", "false", None], [0, 1, 0, None]),
        (["normal", "leak", "Normal", "jam"], [0, 1, 0, 1]),
        ([None, "leak", None, "jam"], [0, 1, 0, 1]),
        (["A", "B", "A", "A"], [0, 1, 0, 0]),
        ([1, -1, 1, 1], [0, 1, 0, 0]),
        ([0, 2, 3, 0], [0, 1, 1, 0]),
    ],
)
def test_labels_are_numbers_booleans_or_words(given: list[object], expected: list[float | None]) -> None:
    assert as_labels(pl.Series("label", given, strict=False), []).to_list() == expected


def test_names_of_rows_are_no_labels() -> None:
    with pytest.raises(WrongUse, match="different words"):
        as_labels(pl.Series("label", [f"row {number}" for number in range(100)]), [])


def test_weeks_repeat_themselves_after_a_year_and_months_after_twelve(tmp_path: Path) -> None:
    weeks = [START + timedelta(weeks=number) for number in range(200)]
    at = np.arange(200)
    found = table(tmp_path, pl.DataFrame({"t": weeks, "y": np.sin(2 * np.pi * at / 52)}), test_from="2027-01-01")
    assert found.seasonal_grid.season == 52
    months = pl.datetime_range(datetime(2005, 1, 1), datetime(2021, 1, 1), "1mo", eager=True)  # noqa: DTZ001
    frame = pl.DataFrame({"t": months}).with_columns(y=(pl.int_range(pl.len()) % 12).cast(pl.Float64))
    assert table(tmp_path, frame, test_from="2018-01-01").seasonal_grid.season == 12
