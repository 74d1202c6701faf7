"""A disk that does not take a step: the engine goes back to what is stored, and nothing of the step is lost."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.alert import store
from sensor_platform.home import Home
from sensor_platform.live.engine import loop as loop_module
from sensor_platform.live.engine.step_store import StepStore
from sensor_platform.stream.rules import SCORE_OF, Anomaly
from sensor_platform_tests.landing.homes import T0
from sensor_platform_tests.live.stream_runs import emitted_events, loop_of
from sensor_platform_tests.stream.streams import SECOND


@pytest.mark.parametrize("restores_refused", [0, 2])
def test_scores_of_a_step_that_could_not_be_stored_are_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restores_refused: int
) -> None:
    home = Home(tmp_path)
    home.live_file.parent.mkdir(parents=True)
    monkeypatch.setattr(loop_module, "_RETRY_SECONDS", 0.01)
    ticks = iter(range(10**9))
    seen: list[int] = []

    def after(_engine: Any, _status: Any, _step: Any, result: Any) -> None:
        seen.extend(event.kind == "fired" for event in result.events)
        if sum(seen) or next(ticks) > 300:
            loop.stop()

    loop = loop_of(
        home, lambda: T0 + next(ticks) * SECOND, after, rules=(Anomaly(name="odd", metric="temp", above=1.0),)
    )
    refused: list[object] = []
    store_events = store.store_events

    def full(*given: Any) -> None:
        if len(refused) < 2 and given[2]:
            refused.append(given)
            raise sqlite3.OperationalError("database or disk is full")
        store_events(*given)

    read_snapshot = StepStore.read_snapshot
    unread: list[object] = []

    def unreadable(steps: StepStore) -> bytes | None:
        if refused and len(unread) < restores_refused:
            unread.append(steps)
            raise sqlite3.OperationalError("unable to open database file")
        return read_snapshot(steps)

    monkeypatch.setattr(store, "store_events", full)
    monkeypatch.setattr(StepStore, "read_snapshot", unreadable)
    loop.inject([("dev1", f"{SCORE_OF}temp", T0, T0, 4.0)])
    loop.run()
    assert (len(refused), len(unread)) == (2, restores_refused)
    assert [kind for _, _, kind, _ in emitted_events(home)] == ["fired"]
    assert not loop.injected
