"""Builds the tables `alerts` and `alert_events`, incrementally.

They are a function of the published readings in order of arrival, the scores, the rules that were in force, and the
answers of operators. Readings that arrived since the last build are replayed from its snapshot. Where replayed readings
have changed (other verdicts, a segment that was landed late), the build goes back to the newest snapshot before the
change, or to the beginning if there is none.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from sensor_platform.alert.config import AlertConfig
from sensor_platform.alert.history import history_store, published_changes
from sensor_platform.alert.history.export import export_tables
from sensor_platform.alert.history.published_scores import read_scores
from sensor_platform.alert.history.rule_epochs import Epoch, record_rules, rules_in_force
from sensor_platform.alert.replay_rules import RuleReplay, replay_scores, rules_of
from sensor_platform.home import Home
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.series import SeriesIndex

if TYPE_CHECKING:
    import sqlite3

    from duckdb import DuckDBPyConnection

_END = 1 << 57
_BEGINNING = -(1 << 57)


@dataclass(frozen=True, slots=True)
class AlertsReport:
    """Report of one build."""

    alerts: int = 0
    events: int = 0
    replayed: int = 0
    """Number of readings that were replayed."""
    redone_from: int | None = None
    """Earliest arrival time of replayed readings that have changed, microseconds; None if none have."""
    is_changed: bool = False
    seconds: float = 0.0


def build_alerts(home: Home, config: AlertConfig, engine: EngineConfig, now: int) -> AlertsReport:
    """Bring both tables up to date. After a kill at any point, the next build completes it.

    Args:
        home: the data folder.
        config: the site's rules.
        engine: configuration of the live process, for its bounds and settling time.
        now: microseconds since the epoch; recorded as the time from which changed rules are in force.

    Raises:
        Unreachable: another build is running.
    """
    import duckdb

    started = time.monotonic()
    if not published_changes.has_readings(home):
        return AlertsReport()
    with history_store.open_store(home) as connection, duckdb.connect(config={"threads": 2}) as duck:
        epochs = record_rules(home, config, now)
        _discard_if_engine_changed(connection, engine)
        replayed, redone_from = _replay_readings(home, connection, duck, epochs, engine)
        _replay_scores(home, connection, epochs, engine)
        events = history_store.read_events(connection)
        alerts, is_changed = export_tables(home, connection, events, epochs)
    return AlertsReport(alerts, len(events), replayed, redone_from, is_changed, time.monotonic() - started)


def _discard_if_engine_changed(connection: "sqlite3.Connection", engine: EngineConfig) -> None:
    """Discard everything that was built with another settling time or bound."""
    own = f"{engine.settle} {engine.most_series}"
    if history_store.get_meta(connection, "engine") not in {"", own}:
        history_store.discard_all(connection)
    history_store.set_meta(connection, "engine", own)


def _replay_readings(
    home: Home,
    connection: "sqlite3.Connection",
    duck: "DuckDBPyConnection",
    epochs: Sequence[Epoch],
    engine: EngineConfig,
) -> tuple[int, int | None]:
    until = int(history_store.get_meta(connection, "until") or _BEGINNING)
    changes = published_changes.find_changes(home, connection, duck, until)
    if not changes.files or not epochs:
        return 0, None
    files: Sequence[str] | None = changes.files
    if changes.redo_from is not None:
        found = history_store.newest_snapshot(connection, changes.redo_from)
        until, files = (found[0] if found else _BEGINNING), None
        history_store.discard_after(connection, until if found else None, published_changes.oldest_arrival(home, duck))
    found = history_store.newest_snapshot(connection, until + 1)
    if found is None:
        until, files = _BEGINNING, None
    replay = RuleReplay(rules_of(rules_in_force(epochs, until), is_about_scores=False), engine)
    if found is not None:
        replay.load(msgspec.msgpack.decode(found[1]))
    before = replay.seen
    newest, events = _feed(home, duck, replay, epochs, files, until)
    if newest > until:
        history_store.record_events(connection, events, newest, is_score=False)
        history_store.record_snapshot(connection, newest, msgspec.msgpack.encode(replay.dump()))
        history_store.set_meta(connection, "until", str(newest))
    return replay.seen - before, changes.redo_from


def _feed(
    home: Home,
    duck: "DuckDBPyConnection",
    replay: RuleReplay,
    epochs: Sequence[Epoch],
    files: Sequence[str] | None,
    until: int,
) -> tuple[int, list[Event]]:
    """Replay the readings that arrived after `until`; returns the newest arrival and the events."""
    events: list[Event] = []
    borders = [until, *(epoch.since - 1 for epoch in epochs if epoch.since - 1 > until), _END]
    for after, last in pairwise(borders):
        own = rules_of(rules_in_force(epochs, after + 1), is_about_scores=False)
        if own != replay.config:
            events += replay.settle(after)[1]
            replay.change(own)
        for rows in published_changes.rows_after(home, duck, files, after, min(last + 1, _END)):
            events += replay.take(rows)[1]
    # time-outs are served up to the newest arrival, as in the live process at that moment
    events += replay.settle(0)[1]
    newest = max(replay.newest, until)
    return newest, events + replay.settle(newest)[1]


def _replay_scores(home: Home, connection: "sqlite3.Connection", epochs: Sequence[Epoch], engine: EngineConfig) -> None:
    """Replay all scores if any has changed: there is one per hour and series."""
    rules = [rule for epoch in epochs for rule in epoch.config.rules]
    scores = read_scores(home, rules)
    digest = hashlib.sha256(msgspec.msgpack.encode([scores, [epoch.since for epoch in epochs]])).hexdigest()
    if digest == history_store.get_meta(connection, "scores"):
        return
    tags = _tags(connection, engine)
    until = max((at for _, _, at, _ in scores), default=0)
    events = replay_scores([(epoch.since, epoch.config) for epoch in epochs], engine, scores, tags, until)
    connection.execute("delete from events where is_score = 1")
    history_store.record_events(connection, events, until, is_score=True)
    history_store.set_meta(connection, "scores", digest)


def _tags(connection: "sqlite3.Connection", engine: EngineConfig) -> dict[str, dict[str, str]]:
    """Tags by device, as of the newest snapshot."""
    found = history_store.newest_snapshot(connection, _END)
    if found is None:
        return {}
    index = SeriesIndex(limit=engine.most_series)
    index.load(msgspec.msgpack.decode(found[1])["index"])
    return {index.devices[number]: tags for number, tags in index.tags.items()}
