"""Writes events to the two published tables, with the answers of operators."""

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sensor_platform.alert.history import history_store
from sensor_platform.alert.history.rule_epochs import Epoch, rules_in_force
from sensor_platform.alert.live_queries import acknowledgements
from sensor_platform.home import Home
from sensor_platform.kernel.clock import from_micros
from sensor_platform.kernel.durable import replacing
from sensor_platform.kernel.sqlite import connect_to_read
from sensor_platform.labels.label_store import read_labels
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.rules import LEVELS
from sensor_platform.warehouse.published.alert_tables import ALERT_TABLES
from sensor_platform.warehouse.published.views import WHOLE_FILE

_LABEL = "alert:"


@dataclass(slots=True)
class _OperatorAnswers:
    """Acknowledgements and labels, by alert."""

    acknowledged: dict[str, Event] = field(default_factory=dict)
    labels: dict[str, tuple[str, str]] = field(default_factory=dict)


def export_tables(
    home: Home, connection: sqlite3.Connection, events: Sequence[Event], epochs: Sequence[Epoch]
) -> tuple[int, bool]:
    """Write both tables if they have changed; returns the number of alerts, and whether they were written."""
    answers = _operator_answers(home)
    known = {event.alert_id for event in events}
    every = [*events, *(event for alert, event in sorted(answers.acknowledged.items()) if alert in known)]
    tables = {"alerts": _alert_rows(events, answers, epochs), "alert_events": [_event_row(event) for event in every]}
    digest = hashlib.sha256(msgspec.msgpack.encode(tables)).hexdigest()
    paths = {name: home.published / name / WHOLE_FILE for name in tables}
    if history_store.get_meta(connection, "exported") == digest and all(path.exists() for path in paths.values()):
        return len(tables["alerts"]), False
    for name, rows in tables.items():
        _write(home, name, rows)
    history_store.set_meta(connection, "exported", digest)
    return len(tables["alerts"]), True


def _operator_answers(home: Home) -> _OperatorAnswers:
    answers = _OperatorAnswers()
    for label in read_labels(home, f"{_LABEL}%"):
        answers.labels[label.label_id.removeprefix(_LABEL)] = (label.label, label.note)
    if home.live_file.exists():
        with closing(connect_to_read(home.live_file, busy_seconds=10.0)) as live:
            answers.acknowledged = acknowledgements(live)
    return answers


def _alert_rows(events: Sequence[Event], answers: _OperatorAnswers, epochs: Sequence[Epoch]) -> list[tuple[Any, ...]]:
    """One row per alert that has fired, in the order of firing."""
    fired: dict[str, Event] = {}
    highest: dict[str, int] = {}
    resolved: dict[str, Event] = {}
    for event in events:
        if event.kind == "fired":
            fired[event.alert_id] = event
        if event.kind == "resolved":
            resolved[event.alert_id] = event
        highest[event.alert_id] = max(event.level, highest.get(event.alert_id, 0))
    rows = []
    for alert, event in fired.items():
        end, seen = resolved.get(alert), answers.acknowledged.get(alert)
        label, note = answers.labels.get(alert, (None, None))
        rows.append(
            (
                *(alert, event.rule, event.device_id, event.metric, LEVELS[highest[alert] - 1]),
                *(_state(event, end, seen, epochs), event.at, event.noticed_at),
                *((end.at, end.noticed_at) if end else (None, None)),
                *((seen.noticed_at, seen.by) if seen else (None, None)),
                *(event.value, event.limit, event.suppressed, label, note),
            )
        )
    return rows


def _state(event: Event, end: Event | None, seen: Event | None, epochs: Sequence[Epoch]) -> str:
    if end is not None:
        return "resolved"
    rules = [
        {rule.name: rule for rule in rules_in_force(epochs, at).rules} for at in (event.noticed_at, epochs[-1].since)
    ]
    if rules[0].get(event.rule) != rules[1].get(event.rule):
        return "rule changed"
    return "acknowledged" if seen is not None else "firing"


def _event_row(event: Event) -> tuple[Any, ...]:
    return (
        *(event.alert_id, event.kind, event.rule, event.device_id, event.metric, LEVELS[max(event.level, 1) - 1]),
        *(event.at, event.noticed_at, event.value, event.limit, event.suppressed, event.by),
    )


def _write(home: Home, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    import polars as pl

    kinds: Mapping[str, Any] = {"TIMESTAMP": pl.Datetime("us"), "VARCHAR": pl.String, "DOUBLE": pl.Float64}
    columns = ALERT_TABLES[name]
    data = {column: [_cell(row[at], kind) for row in rows] for at, (column, kind) in enumerate(columns)}
    frame = pl.DataFrame(data, schema={column: kinds[kind] for column, kind in columns})
    path = home.published / name / WHOLE_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        frame.write_parquet(temporary, compression="zstd")


def _cell(value: Any, kind: str) -> Any:  # noqa: ANN401 - a cell
    if kind == "TIMESTAMP" and value is not None:
        return from_micros(value)
    return value
