"""A lander of plain configuration."""

from datetime import date

import pytest

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.open_lander import limits_of, open_lander
from sensor_platform.reading.contract import DEFAULT_CONTRACT, contract_version


def test_readings_are_believed_from_the_start_of_the_site_to_a_while_ahead() -> None:
    limits = limits_of(LandingConfig(max_future_seconds=60), date(2026, 3, 1))
    assert (limits.start, limits.max_future) == (1_772_323_200_000_000, 60_000_000)


def test_there_is_one_lander_of_a_home(home: Home) -> None:
    arguments = (home, (DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10)
    with open_lander(*arguments) as lander:
        assert (lander.home, lander.slot) == (home, 600_000_000)
        assert lander.contract_version == contract_version((DEFAULT_CONTRACT,))
        with pytest.raises(Unreachable), open_lander(*arguments):
            pass
    with open_lander(*arguments):
        pass
