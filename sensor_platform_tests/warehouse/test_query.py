import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.cli.rows import table, write
from sensor_platform.errors import ExitCode, WrongUse
from sensor_platform.home import Home
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.published.query import ask
from sensor_platform_tests.warehouse.landings import SiteStub


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("query"))
    publish(home, SiteStub())
    return home


WRITES = [
    "create table x (a int)",
    "insert into readings_1m select * from readings_1m",
    "delete from readings_1m",
    "drop view readings_1m",
    "copy (select 1) to '{folder}/out.csv'",
    "explain analyze copy (select 1) to '{folder}/out.csv'",
    "EXPLAIN (ANALYZE) copy (select 1) to '{folder}/out.csv'",
    "explain analyze create table x (a int)",
    "attach '{folder}/other.duckdb'",
    "export database '{folder}/out'",
    "set threads = 1",
    "pragma enable_profiling",
    "install httpfs",
    "select 1; copy (select 1) to '{folder}/out.csv'",
    "with x as (select 1) insert into readings_1m from x",
    "call pragma_version()",
    "checkpoint",
]


@pytest.mark.parametrize("sql", WRITES)
def test_what_is_not_a_question_is_refused_and_writes_nothing(published: Home, sql: str) -> None:
    folder = published.root / "untouched"
    folder.mkdir(exist_ok=True)
    with pytest.raises(WrongUse) as error:
        ask(published, sql.format(folder=folder))
    assert error.value.exit_code == ExitCode.WRONG_USE
    assert error.value.hint
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "from readings_1m",
        "with x as (select 1) from x",
        "describe readings_1h",
        "show tables",
        "values (1)",
        "explain select 1",
        "explain analyze select 1",
        "summarize readings_1h",
        "select 1;",
    ],
)
def test_questions_are_answered(published: Home, sql: str) -> None:
    assert ask(published, sql).columns


def test_a_mistake_is_one_line_with_a_hint(published: Home) -> None:
    with pytest.raises(WrongUse) as error:
        ask(published, "select * from readings_1w")
    assert "\n" not in error.value.message
    assert "readings_1w" in error.value.message


def test_before_anything_is_published_the_way_there_is_said(home: Home) -> None:
    with pytest.raises(WrongUse) as error:
        ask(home, "select 1")
    assert "publish" in error.value.hint


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_the_command_answers_in_every_form(published: Home, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(published.root))
    done = CliRunner().invoke(cli, ["query", "--format", form, "select 1.5 as a, 'x' as b, null as c"])
    assert done.exit_code == 0
    expected = {
        "table": "a    b  c\n---  -  -\n1.5  x\n(1 row)\n",
        "csv": "a,b,c\n1.5,x,\n",
        "json": '[\n {\n  "a": "1.5",\n  "b": "x",\n  "c": null\n }\n]\n',
    }
    assert done.output == expected[form]


ROWS: list[list[Any]] = [
    [datetime(2026, 1, 1), b"\xff{", {"k": [1, None]}, float("inf"), 'a"b,\n', timedelta(hours=1)],  # noqa: DTZ001
    [None, None, None, None, None, None],
]


def test_csv_and_json_carry_any_value() -> None:
    columns = ["time", "bytes", "map", "number", "text", "span"]
    out = io.StringIO()
    write(columns, ROWS, "csv", out)
    read = list(csv.reader(io.StringIO(out.getvalue())))
    assert read[0] == columns
    assert read[1] == ["2026-01-01 00:00:00", "\\xff{", '{"k": [1, null]}', "inf", 'a"b,\n', "1:00:00"]
    out = io.StringIO()
    write(columns, ROWS, "json", out)
    first, second = json.loads(out.getvalue())
    assert first["bytes"] == "/3s="
    assert first["map"] == {"k": [1, None]}
    assert set(second.values()) == {None}


def test_a_devices_name_cannot_move_the_cursor() -> None:
    assert "\x1b" not in table(["name"], [["\x1b[2Jgone\n"]])
