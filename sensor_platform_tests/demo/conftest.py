"""Facts of a running demo, made up."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from sensor_platform.demo.analyst_view import Answers
from sensor_platform.demo.dagster_api import Work
from sensor_platform.demo.facts import Facts
from sensor_platform.landing.ledger import Totals

CUT = datetime(2026, 11, 22, 19, tzinfo=UTC)

MakeFacts = Callable[..., Facts]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("mosquitto") and shutil.which("mosquitto") is None:
        pytest.skip("needs mosquitto on PATH")


def make_facts(  # a demo that has ended well, but for what a test changes
    *,
    sent: int = 10,
    landed: int = 7,
    quarantined: int = 2,
    duplicate: int = 1,
    issued: dict[str, datetime] | None = None,
    matched: dict[str, int] | None = None,
    busy_runs: int = 0,
    is_settled: bool = True,
    has_answers: bool = True,
) -> Facts:
    issued = {"TEMP": CUT, "PM2.5": CUT} if issued is None else issued
    matched = dict.fromkeys(issued, 3) if matched is None else matched
    return Facts(
        sent=sent,
        acknowledged=sent,
        ledger=Totals(1, landed + quarantined + duplicate, landed, quarantined, duplicate, landed, 0, None, None),
        work=Work(busy_runs=busy_runs),
        answers=Answers(dict.fromkeys(issued, 9), issued, matched, ()) if has_answers else None,
        is_settled=is_settled,
    )


@pytest.fixture
def facts() -> MakeFacts:
    return make_facts


@pytest.fixture
def cut() -> datetime:
    return CUT
