"""A model that is worse than the champion is not promoted, however few hours are new."""

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.forecasts import learned_from_waves
from sensor_platform_tests.predict.promotions import decide, incumbent, spoilt

HORIZONS = (1, 6)


def test_live_23_a_worse_model_is_not_promoted_on_the_hours_that_the_champion_knows() -> None:
    source, learned = learned_from_waves(HORIZONS)
    worse = spoilt(learned, 0.15, HORIZONS)
    need(decide(worse, None).promoted, "as a first model it would do")
    need(not decide(worse, incumbent(learned, source, 10 * 24)).promoted, "against hours of its own it is refused")
    decision = decide(worse, incumbent(learned, source, 0))
    assert not decision.promoted, f"promoted without a comparison: {decision.why}"
