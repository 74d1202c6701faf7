"""Answers of operators to an alert: acknowledge, confirm or reject. Confirm and reject become labels."""

import sqlite3
from contextlib import closing
from typing import Any

from sensor_platform.alert import store
from sensor_platform.alert.live_queries import alerts_with_prefix
from sensor_platform.errors import Missing, WrongUse
from sensor_platform.home import Home
from sensor_platform.labels.label_store import Label, add_label, remove_label

ANSWERS = ("acknowledge", "confirm", "reject")
_ALERT = "alert:"
"""Prefix of the id of a label that answers an alert."""
_LABELS = {"confirm": "confirmed", "reject": "rejected"}


def answer_alert(
    home: Home, alert_id: str, kind: str, by: str, now: int, note: str = "", *, may_be_short: bool = False
) -> None:
    """Store an answer. An acknowledgement is for the live process, which acts on it now or when it starts.

    Args:
        home: the data folder.
        alert_id: id of the alert.
        kind: one of ANSWERS.
        by: name of the operator.
        now: microseconds since the epoch.
        note: note of the label.
        may_be_short: whether the beginning of an id is enough, as people type it.

    Raises:
        WrongUse: the kind of answer does not exist.
        Missing: the alert does not exist.
    """
    if kind not in ANSWERS:
        raise WrongUse(f"{kind!r} is not an answer", f"answers are {', '.join(ANSWERS)}")
    with closing(store.connect(home.live_file)) as connection:
        row = find_alert(connection, alert_id)
        if not may_be_short and row["alert_id"] != alert_id:
            raise Missing(f"there is no alert {alert_id[:60]!r}", "give the whole id, as /api/alerts shows it")
        if kind == "acknowledge":
            store.put_command(connection, store.OperatorCommand(kind=kind, alert_id=row["alert_id"], by=by, at=now))
            return
        add_label(
            home,
            Label(
                label_id=f"{_ALERT}{row['alert_id']}",
                device_id=row["device_id"],
                metric=row["metric"],
                start_at=row["fired_at"],
                end_at=row["resolved_at"] or now,
                label=_LABELS[kind],
                source=f"alert:{row['rule']}",
                note=note or f"by {by}",
                created_at=now,
            ),
        )
        store.set_verdict(connection, row["alert_id"], _LABELS[kind])


def withdraw_label(home: Home, label_id: str, now: int) -> Label:
    """Take a label back, as `remove_label` does. If it answered an alert, the alert has no answer any more."""
    gone = remove_label(home, label_id, now)
    alert = gone.label_id.removeprefix(_ALERT)
    if alert != gone.label_id and home.live_file.exists():
        with closing(store.connect(home.live_file)) as connection:
            store.set_verdict(connection, alert, "")
    return gone


def find_alert(connection: sqlite3.Connection, alert_id: str) -> dict[str, Any]:
    """Find an alert by its id, or by the beginning of its id if that is unique; returns the row by column name.

    Raises:
        Missing: no alert, or several alerts, have it.
    """
    rows = alerts_with_prefix(connection, alert_id)
    if len(rows) != 1:
        many = "several alerts begin with" if rows else "there is no alert"
        raise Missing(f"{many} {alert_id[:60]!r}", "`sensor-platform alerts list` shows them")
    return rows[0]
