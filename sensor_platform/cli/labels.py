"""`sensor-platform labels`: ground truth for training and backtests."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensor_platform.kernel.clock import now_micros, to_micros

if TYPE_CHECKING:
    from sensor_platform.home import Home
    from sensor_platform.labels.label_store import Label

_SHOWN = ("start_at", "end_at", "device_id", "metric", "label", "source", "note", "label_id")


@click.group(
    epilog="\b\nExample:\n  sensor-platform labels add pump-7 failure --start 2026-03-01T10:30\n"
    "  sensor-platform labels import failures.csv --device machine --start failed_at --as failure\n"
    "  sensor-platform labels list --device pump-7 --as-of 2026-03-01\n"
    "  sensor-platform labels remove said:3f2a"
)
def labels() -> None:
    """Add, import, list and remove labels; confirm or reject alerts."""


@labels.command()
@click.argument("device")
@click.argument("label")
@click.option("--start", required=True, metavar="T", help="Start time; UTC without a zone.")
@click.option("--end", metavar="T", help="End time (default: the start).")
@click.option("--metric", default="", help="Metric (default: the device as a whole).")
@click.option("--note", default="", help="Note for people.")
def add(device: str, label: str, start: str, end: str | None, metric: str, note: str) -> None:
    """Label what happened to a device. Adding the same label twice changes nothing."""
    from sensor_platform.labels.label_store import add_label, new_label

    said = new_label(
        device,
        label,
        _micros(start),
        _micros(end) if end else None,
        source="person",
        now=now_micros(),
        metric=metric,
        note=note,
    )
    add_label(_home(), said)
    click.echo(said.label_id)


@labels.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--device", metavar="COL", help="Column with devices (default: device_id or another common name).")
@click.option("--start", metavar="COL", help="Column with start times (default: start_at, time or a similar name).")
@click.option("--end", metavar="COL", help="Column with end times.")
@click.option("--label", "label_column", metavar="COL", help="Column with labels (default: label, class or event).")
@click.option("--as", "text", metavar="TEXT", help="Label text of all rows, instead of a column.")
def import_labels(
    file: Path, device: str | None, start: str | None, end: str | None, label_column: str | None, text: str | None
) -> None:
    """Import failure times, events or classes from CSV or Parquet; all rows or none. Repeating it changes nothing."""
    from sensor_platform.labels.label_files import LabelColumns, read_file
    from sensor_platform.labels.label_store import add_labels

    found = read_file(file, LabelColumns(device, start, end, label_column, text), now_micros())
    added = add_labels(_home(), found)
    click.echo(f"{len(found)} labels of {len({each.device_id for each in found})} devices, {added} of them new")


@labels.command("list")
@click.option("--device", default="", help="Only this device.")
@click.option("--as-of", metavar="T", help="Labels as of a time: 2026-03-01T12:00 (UTC), or 12h ago (default: now).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def list_labels(device: str, as_of: str | None, *, as_json: bool) -> None:
    """List labels by start time."""
    from sensor_platform.cli.rows import write
    from sensor_platform.labels.label_store import as_of as in_force
    from sensor_platform.labels.label_store import read_history

    found = in_force(read_history(_home()), _micros(as_of) if as_of else now_micros())
    rows = [_row(each) for each in found if not device or each.device_id == device]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
    else:
        write(_SHOWN, [[row[name] for name in _SHOWN] for row in rows], "table", sys.stdout)


@labels.command()
@click.argument("label_id")
def remove(label_id: str) -> None:
    """Withdraw a label, by its id or the beginning of the id. It stays in the history, see `list --as-of`.

    Scores that depend on it are updated, at once or after the next training, which this command requests.
    """
    from sensor_platform.alert.operator_answers import withdraw_label

    gone = withdraw_label(_home(), label_id, now_micros())
    click.echo(f"{gone.label_id}: {gone.label} of {gone.device_id} at {_text(gone.start_at)} counts no more")


@labels.command()
@click.argument("alert_id")
@click.option("--by", default="", help="Name of the person.")
@click.option("--note", default="", help="Reason.")
def confirm(alert_id: str, by: str, note: str) -> None:
    """Confirm that an alert was right, like `alerts confirm`: it becomes the label `confirmed`."""
    _answer(alert_id, "confirm", by, note)


@labels.command()
@click.argument("alert_id")
@click.option("--by", default="", help="Name of the person.")
@click.option("--note", default="", help="Reason.")
def reject(alert_id: str, by: str, note: str) -> None:
    """Reject an alert that was wrong, like `alerts reject`: it becomes the label `rejected`."""
    _answer(alert_id, "reject", by, note)


def _answer(alert_id: str, kind: str, by: str, note: str) -> None:
    from sensor_platform.alert.operator_answers import answer_alert

    answer_alert(_home(), alert_id, kind, by, now_micros(), note, may_be_short=True)


def _row(label: "Label") -> dict[str, str]:
    moments = {name: _text(getattr(label, name)) for name in ("start_at", "end_at", "created_at")}
    names = ("label_id", "device_id", "metric", "label", "source", "note")
    return {**{name: getattr(label, name) for name in names}, **moments}


def _text(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _micros(text: str) -> int:
    from sensor_platform.cli.moments import moment_or_ago

    return to_micros(moment_or_ago(text))


def _home() -> "Home":
    from sensor_platform.settings import load_settings

    return load_settings().home
