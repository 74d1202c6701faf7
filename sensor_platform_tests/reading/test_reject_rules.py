"""Refusals and what can be done about them."""

import pytest

from sensor_platform.reading.model import Rejected
from sensor_platform.reading.reject_rules import HINTS, rejected


@pytest.mark.parametrize("rule", HINTS)
def test_a_refusal_has_the_hint_of_its_rule(rule: str) -> None:
    assert rejected(rule, "so", "dev", "t") == Rejected(rule, "so", HINTS[rule], "dev", "t")
    assert HINTS[rule]


def test_a_rule_that_there_is_not_cannot_refuse() -> None:
    with pytest.raises(KeyError):
        rejected("nosuch", "so")
