"""What chance may do to a mean of paired differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.predict.chance import SHORTEST_BLOCK, by_chance, time_blocks


@pytest.mark.parametrize("chance", [0.05, 0.01])
def test_differences_that_are_nothing_on_average_pass_as_often_as_is_said(chance: float) -> None:
    """Rows of a group are the same but for little: only the groups count."""
    rng, group, looks = np.random.default_rng(2), np.repeat(np.arange(20), 30), 3000
    passed = 0
    for _ in range(looks):
        values = np.repeat(rng.normal(0, 1, 20), 30) + rng.normal(0, 0.1, 600)
        passed += values.mean() > by_chance(values, group, chance, 8)
    assert passed / looks == pytest.approx(chance, rel=0.35)


@given(st.integers(0, 12), st.integers(2, 12))
def test_with_too_few_groups_nothing_is_shown(groups: int, least: int) -> None:
    values = np.arange(groups * 3, dtype=np.float64) + 1000
    limit = by_chance(values, np.repeat(np.arange(groups), 3), 0.05, least)
    assert np.isinf(limit) == (groups < least)


def test_blocks_are_as_long_as_errors_are_correlated_where_there_are_enough() -> None:
    target = np.arange(24 * 10)
    near, far = np.full(240, 6, np.int32), np.full(240, 168, np.int32)
    assert len(np.unique(time_blocks(target, near, 8))) == 240 / SHORTEST_BLOCK
    assert len(np.unique(time_blocks(target, far, 5))) == 6
    assert len(np.unique(time_blocks(target, far, 8))) == 240, "single hours"
