"""Questions as a command."""

import json

import pytest

from sensor_platform.cli.query import query
from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import said


@pytest.mark.usefixtures("published")
def test_an_answer_is_a_table_csv_or_json() -> None:
    sql = "select 1.5 as a, 'x' as b, null as c"
    assert said(query, "--format", "csv", sql) == "a,b,c\n1.5,x,\n"
    assert json.loads(said(query, "--format", "json", sql))[0]["b"] == "x"
    assert said(query, sql).endswith("(1 row)\n")
    with pytest.raises(PlatformError):
        said(query, "create table x (a int)")


def test_without_published_tables_there_is_nothing_to_ask(home: Home) -> None:
    with pytest.raises(PlatformError):
        said(query, "select 1")
    assert not home.analytics_file.exists()
