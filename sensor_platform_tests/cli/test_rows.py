"""Rows on the terminal."""

import csv
import io
import json
import math
from datetime import date, datetime
from typing import Any

import pytest

from sensor_platform.cli.rows import plain, table, text, write

NOON = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - as tables have it
COLUMNS = ("name", "n", "when")
ROWS = [("a", 1, NOON), ("longer", 20, None)]


def written(form: str, rows: list[tuple[Any, ...]] = ROWS) -> str:
    out = io.StringIO()
    write(COLUMNS, rows, form, out)
    return out.getvalue()


def test_a_table_is_aligned_with_numbers_to_the_right() -> None:
    assert written("table").splitlines() == [
        "name    n   when",
        "------  --  -------------------",
        "a        1  2026-03-01 12:00:00",
        "longer  20",
        "(2 rows)",
    ]


def test_one_row_and_none_are_counted() -> None:
    assert table(["a"], [("x",)]).endswith("(1 row)\n")
    assert table(["a"], []).endswith("(0 rows)\n")


def test_csv_has_empty_fields_for_null() -> None:
    assert list(csv.reader(io.StringIO(written("csv")))) == [
        list(COLUMNS), ["a", "1", "2026-03-01 12:00:00"], ["longer", "20", ""],
    ]  # fmt: skip


def test_json_is_an_array_of_objects_with_nulls() -> None:
    assert json.loads(written("json")) == [
        {"name": "a", "n": 1, "when": "2026-03-01 12:00:00"},
        {"name": "longer", "n": 20, "when": None},
    ]


def test_a_name_cannot_move_the_cursor() -> None:
    shown = table(["a"], [("x\x1b[2Jy\nz",)])
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 4


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (date(2026, 3, 1), "2026-03-01"),
        (b"caf\xc3\xa9", "café"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        (1.5, "1.5"),
    ],
)
def test_values_for_a_person(value: object, shown: str) -> None:
    assert text(value) == shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.inf, "inf"),
        (1.5, 1.5),
        (b"\xff", "/w=="),
        (b"ok", "ok"),
        ({"a": (1, NOON)}, {"a": [1, "2026-03-01 12:00:00"]}),
        (None, None),
        (False, False),
    ],
)
def test_values_that_json_has(value: object, expected: object) -> None:
    assert plain(value) == expected


def test_a_query_plan_is_shown_as_it_is() -> None:
    assert table(["explain_key", "explain_value"], [("physical_plan", "SCAN\n  x")]) == "SCAN\n  x\n"
