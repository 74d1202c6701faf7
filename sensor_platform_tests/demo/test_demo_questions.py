"""What the demo asks: Dagster's answers, the published tables, and how both are shown."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from sensor_platform.collect.brokers.local import free_port
from sensor_platform.demo.analyst_view import READY_QUERY, Compared, read_answers
from sensor_platform.demo.dagster_api import Partitions, Work, ask_work, work_from
from sensor_platform.demo.facts import Facts
from sensor_platform.demo.show import LiveShow, PlainShow, one_line
from sensor_platform.errors import Unreachable
from sensor_platform.home import Home


def test_dagsters_answer_becomes_partitions_and_runs() -> None:
    data = {
        "assetNodes": [
            {
                "assetKey": {"path": ["readings_1h"]},
                "partitionStats": {"numMaterialized": 3, "numPartitions": 9, "numFailed": 1},
            },
            {
                "assetKey": {"path": ["stg_readings"]},
                "isVirtual": True,
                "partitionStats": {"numMaterialized": 0, "numPartitions": 9, "numFailed": 0},
            },
            {"assetKey": {"path": ["forecast_model"]}, "partitionStats": None},
        ],
        "runsOrError": {
            "results": [
                {"runId": "a", "status": "SUCCESS"},
                {"runId": "b", "status": "STARTED"},
                {"runId": "c", "status": "QUEUED"},
                {"runId": "d", "status": "FAILURE"},
            ]
        },
    }
    assert work_from(data) == Work({"readings_1h": Partitions(3, 9, 1)}, busy_runs=2, done_runs=1, failed_runs=("d",))


def test_definitions_that_are_not_loaded_yet_are_no_work() -> None:
    assert work_from({"assetNodes": [], "runsOrError": {"message": "no"}}) == Work()


def test_a_web_server_that_is_not_up_yet_is_not_an_error() -> None:
    assert ask_work(f"http://127.0.0.1:{free_port()}", Path("/home/dagster")) is None


class Answering(BaseHTTPRequestHandler):
    answer: bytes = b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""


@contextmanager
def web_server(answer: bytes) -> Iterator[str]:
    handler = type("Handler", (Answering,), {"answer": answer})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_our_own_web_server_is_told_from_one_that_took_the_port() -> None:
    answer = b'{"data": {"instance": {"info": "base_dir: /mine/dagster"}, "assetNodes": [], "runsOrError": {}}}'
    with web_server(answer) as url:
        assert ask_work(url, Path("/mine/dagster")) == Work()
        with pytest.raises(Unreachable, match="another Dagster"):
            ask_work(url, Path("/theirs/dagster"))


@pytest.mark.parametrize("answer", [b"<html>busy</html>", b'{"errors": ["starting"]}', b""])
def test_an_answer_that_makes_no_sense_is_no_answer_yet(answer: bytes) -> None:
    with web_server(answer) as url:
        assert ask_work(url, Path("/mine/dagster")) is None


def publish(path: Path, cut: datetime) -> None:
    naive = cut.replace(tzinfo=None)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table predictions (device_id text, metric text, issued_at timestamp, horizon_hours int,"
            " target_at timestamp, value double, lower double, upper double)"
        )
        connection.execute(
            "create table readings_1h (device_id text, metric text, window_start timestamp, mean double)"
        )
        for issued, horizon in ((naive - timedelta(hours=1), 2), (naive, 1), (naive - timedelta(hours=5), 2)):
            target = issued + timedelta(hours=horizon)
            connection.execute(
                "insert into predictions values ('d', 'TEMP', ?, ?, ?, 5.0, 4.0, 6.0)", [issued, horizon, target]
            )
        for hour in range(-4, 2):
            connection.execute(
                "insert into readings_1h values ('d', 'TEMP', ?, ?)", [naive + timedelta(hours=hour), 5.5 + hour]
            )


def test_only_predictions_issued_before_the_last_day_for_hours_within_it_count(tmp_path: Path, cut: datetime) -> None:
    publish(tmp_path / "analytics.duckdb", cut)
    answers = read_answers(tmp_path / "analytics.duckdb", cut)
    assert answers is not None
    assert answers.predictions == {"TEMP": 3}
    assert answers.newest_issued == {"TEMP": cut}
    assert answers.matched == {"TEMP": 1}
    first = answers.latest[0]
    assert (first.predicted, first.actual) == (5.0, 6.5)


def test_an_actual_that_is_not_there_matches_nothing(tmp_path: Path, cut: datetime) -> None:
    publish(tmp_path / "analytics.duckdb", cut)
    with duckdb.connect(str(tmp_path / "analytics.duckdb")) as connection:
        connection.execute("update readings_1h set mean = null where window_start >= ?", [cut.replace(tzinfo=None)])
    answers = read_answers(tmp_path / "analytics.duckdb", cut)
    assert answers is not None
    assert answers.matched == {}


def test_tables_that_are_not_published_yet_are_no_answer(tmp_path: Path, cut: datetime) -> None:
    assert read_answers(tmp_path / "none.duckdb", cut) is None
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    assert read_answers(tmp_path / "empty.duckdb", cut) is None


def row(cut: datetime) -> Compared:
    return Compared("machine-1", "machine_temperature", cut, cut + timedelta(hours=2), 80.0, 85.25, 90.0, 86.0)


def seen(facts: Facts, cut: datetime) -> Facts:
    assert facts.answers is not None
    return replace(
        facts,
        work=Work({"readings_1h": Partitions(3, 9, 0)}, done_runs=4),
        answers=replace(facts.answers, latest=(row(cut),)),
    )


def test_plain_lines_say_every_count_and_what_is_waited_for(facts: Callable[..., Facts]) -> None:
    out = StringIO()
    show = PlainShow(Console(file=out, width=200))
    show.update("history", facts(), ["something"])
    show.update("history", facts(), ["too soon for another line"])
    assert out.getvalue().count("\n") == 1
    assert "sent 10, landed 7, quarantined 2, duplicates 1" in out.getvalue()
    assert out.getvalue().endswith("waiting for: something\n")


def test_the_result_shows_the_equation_predictions_beside_actuals_and_where_to_look(
    facts: Callable[..., Facts], cut: datetime, tmp_path: Path
) -> None:
    for make in (PlainShow, LiveShow):
        out = StringIO()
        make(Console(file=out, width=200)).finish(
            seen(facts(), cut), Home(tmp_path), "http://127.0.0.1:3000", "http://127.0.0.1:8420"
        )
        text = out.getvalue()
        assert "10 sent = 7 landed + 2 quarantined + 1 duplicates" in text
        assert "machine_temperature" in text
        assert "80.0 .. 90.0" in text
        assert "http://127.0.0.1:3000" in text
        assert str(tmp_path / "published" / "analytics.duckdb") in text
        assert READY_QUERY in text


def test_a_broken_equation_is_shown_as_such(facts: Callable[..., Facts], tmp_path: Path) -> None:
    out = StringIO()
    PlainShow(Console(file=out, width=200)).finish(facts(landed=5), Home(tmp_path), "u", "p")
    assert "10 sent != 5 landed" in out.getvalue()


def test_the_live_screen_shows_partitions_and_gives_the_terminal_back(
    facts: Callable[..., Facts], cut: datetime
) -> None:
    out = StringIO()
    with closing(LiveShow(Console(file=out, width=200, force_terminal=True))) as show:
        show.say("broker: here")
        show.update("last 24 hours", seen(facts(), cut), ["the actuals"])
    text = out.getvalue()
    for words in ("broker: here", "last 24 hours", "readings_1h", "waiting for: the actuals", "machine-1"):
        assert words in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_markup_in_a_name_is_shown_and_not_obeyed(facts: Callable[..., Facts], cut: datetime) -> None:
    out = StringIO()
    answers = facts().answers
    assert answers is not None
    odd = replace(answers, latest=(replace(row(cut), device_id="[bold]x[/bold]"),))
    with closing(LiveShow(Console(file=out, width=200, force_terminal=True))) as show:
        show.update("history", replace(facts(), answers=odd), [])
    assert "[bold]x[/bold]" in out.getvalue()


def test_a_demo_that_knows_nothing_yet_can_be_shown() -> None:
    assert "sent 0, landed 0" in one_line(Facts(0, 0, None, None, None))
