from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sensor_platform.demo.facts import Facts
from sensor_platform.demo.verdict import at_the_end, before_the_tail, unaccounted, unsettled

METRICS = ("TEMP", "PM2.5")


def test_a_demo_in_which_all_went_well_wants_nothing(facts: Callable[..., Facts], cut: datetime) -> None:
    assert before_the_tail(facts(), METRICS, cut) == at_the_end(facts(), METRICS) == unsettled(facts()) == []


@pytest.mark.parametrize("fates", [(6, 2, 1), (7, 2, 2), (7, 0, 0)])
def test_a_message_too_few_or_too_many_breaks_the_equation(
    fates: tuple[int, int, int], facts: Callable[..., Facts]
) -> None:
    landed, quarantined, duplicate = fates
    wrong = facts(landed=landed, quarantined=quarantined, duplicate=duplicate)
    assert len(unaccounted(wrong)) == len(at_the_end(wrong, METRICS)) == 1


def test_nothing_sent_is_not_all_well(facts: Callable[..., Facts]) -> None:
    assert unaccounted(facts(sent=0, landed=0, quarantined=0, duplicate=0))


def test_a_ledger_that_is_not_there_yet_accounts_for_nothing(facts: Callable[..., Facts]) -> None:
    assert unaccounted(replace(facts(), ledger=None))


def test_the_tail_waits_for_a_prediction_of_every_metric_from_the_end_of_the_history(
    facts: Callable[..., Facts], cut: datetime
) -> None:
    assert before_the_tail(facts(issued={"TEMP": cut}), METRICS, cut) == [
        "no prediction of PM2.5 from the end of the history yet"
    ]
    stale = facts(issued={"TEMP": cut, "PM2.5": cut - timedelta(hours=4)})
    assert len(before_the_tail(stale, METRICS, cut)) == 1
    a_gap = facts(issued={"TEMP": cut, "PM2.5": cut - timedelta(hours=2)})
    assert before_the_tail(a_gap, METRICS, cut) == []


def test_the_end_wants_predictions_beside_actuals_for_every_metric(facts: Callable[..., Facts]) -> None:
    assert at_the_end(facts(matched={"TEMP": 5}), METRICS) == ["no prediction of PM2.5 stands beside its actual yet"]
    assert at_the_end(facts(matched={"TEMP": 5, "PM2.5": 0}), METRICS)
    assert len(at_the_end(facts(has_answers=False), METRICS)) == 2


def test_a_site_that_forecasts_nothing_cannot_pass(facts: Callable[..., Facts]) -> None:
    assert at_the_end(facts(), ())


def test_work_in_flight_or_dirty_windows_are_unsettled(facts: Callable[..., Facts]) -> None:
    assert unsettled(facts(busy_runs=1))
    assert unsettled(facts(is_settled=False))
    assert unsettled(replace(facts(), work=None))
