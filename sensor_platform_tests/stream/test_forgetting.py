"""What the engine forgets is gone, and what it keeps goes on as if nothing else had ever been there."""

from dataclasses import dataclass

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.config import EngineConfig, WindowSpec
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.forgetting import series_of
from sensor_platform.stream.rules import NoData, Threshold
from sensor_platform.stream.series import SeriesIndex
from sensor_platform.stream.verdicts import EngineCatalog
from sensor_platform_tests.stream.given import SECOND, noon

RULES = (Threshold(name="hot", metric="*", above={"warning": 5.0}), NoData(name="dead", after="30s"))


@dataclass(frozen=True)
class All:
    """Everything of a device, a metric or both, until a time."""

    device: str | None = None
    metric: str | None = None
    until: int = 1 << 62

    @property
    def span(self) -> tuple[int, int]:
        return -(1 << 62), self.until

    def is_in_time(self, event_at: int, received_at: int) -> bool:
        del received_at
        return event_at < self.until


def engine() -> Engine:
    return Engine(EngineConfig(windows=(WindowSpec(every="10s"),)), EngineCatalog(), RULES)


def send(to: Engine, device: str, metric: str, at: int, value: float) -> list[Event]:
    body = b'{"device_id":"%s","ts":%d,"%s":%f}' % (device.encode(), at // 1_000_000, metric.encode(), value)
    messages = MessageBatch(["t"], [body], [at])
    decoded = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 1 << 60)).decode(messages)
    return to.take(decoded, [at], set(), set(), at)[1]


def names(index: SeriesIndex) -> set[tuple[str, str]]:
    return {(index.device(each), index.metric(each)) for each in range(len(index)) if not index.is_gone(each)}


SENT = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y"]), st.floats(0, 9, width=16)), min_size=1, max_size=20
)
WHAT = st.builds(All, device=st.sampled_from([None, "a", "b"]), metric=st.sampled_from([None, "x"])).filter(
    lambda what: bool(what.device or what.metric)
)


@settings(max_examples=25, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(SENT, SENT, WHAT, st.booleans())
def test_what_is_left_goes_on_as_if_nothing_else_had_come(
    before: list[tuple[str, str, float]], after: list[tuple[str, str, float]], what: All, is_loaded: bool
) -> None:
    ours, other = engine(), engine()
    at = noon(0)
    for device, metric, value in before:
        at += SECOND
        send(ours, device, metric, at, value)
        if not (what.device in {None, device} and what.metric in {None, metric}):
            send(other, device, metric, at, value)
    ours.forget(what)
    assert not len(series_of(what, ours.index))
    if is_loaded:
        loaded = engine()
        loaded.load(ours.dump())
        ours = loaded
    assert names(ours.index) == names(other.index)
    assert alerts(ours) == alerts(other)
    events: list[list[Event]] = [[], []]
    for device, metric, value in after:
        at += 4 * SECOND
        for number, each in enumerate((ours, other)):
            events[number] += send(each, device, metric, at, value)
            each.tick(at)
    assert names(ours.index) == names(other.index)
    assert alerts(ours) == alerts(other)
    last = [each.tick(at + 3600 * SECOND) for each in (ours, other)]
    ours_closed, other_closed = (
        sorted(
            (each.index.device(series), each.index.metric(series), start, n)
            for found in result.closed
            for series, start, n in zip(
                *(found.columns[name].tolist() for name in ("series", "start", "n")), strict=True
            )
        )
        for each, result in zip((ours, other), last, strict=True)
    )
    assert ours_closed == other_closed
    assert plain(events[0] + last[0].events, what) == plain(events[1] + last[1].events, what)


def alerts(some: Engine) -> set[tuple[str, str, str, int]]:
    return {(each.rule, each.device_id, each.metric, each.level) for each in some.rule_set.active() if each.metric}


def plain(events: list[Event], what: All) -> list[tuple[str, str, str, str, int]]:
    """Events; a device of which only a metric is forgotten was heard of when that arrived."""
    return sorted(
        (each.rule, each.device_id, each.metric, each.kind, each.at)
        for each in events
        if each.metric or what.metric is None
    )


def test_names_are_in_no_snapshot_afterwards() -> None:
    some = engine()
    send(some, "secret", "hidden", noon(1), 9.0)
    send(some, "open", "x", noon(1), 9.0)
    some.forget(All(device="secret"))
    dumped = repr(some.dump())
    assert "secret" not in dumped
    assert "hidden" not in dumped
    assert "open" in dumped


def test_of_a_series_whose_newest_reading_stays_only_windows_of_the_time_go() -> None:
    some = engine()
    send(some, "a", "x", noon(1), 1.0)
    send(some, "a", "x", noon(21), 1.0)
    some.forget(All(device="a", until=noon(10)))
    assert names(some.index) == {("a", "x")}
    (closed,) = some.tick(noon(4000)).closed
    assert closed.columns["start"].tolist() == [noon(20)]
    assert np.isfinite(some.index.by_series["value"][0])
