"""Failed Dagster runs: one file per run, from the process that runs Dagster to the live process, and its notification.

Neither process needs the other to be up. The thread that reads the files is `live.sending.failed_run_notifications`.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from sensor_platform.alert.compose import Notification, channels_by_routes
from sensor_platform.alert.config import AlertConfig
from sensor_platform.alert.store import Outgoing
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file

_KEPT = 1000


class FailedRun(msgspec.Struct, frozen=True, kw_only=True):
    """`dagster/failures/<run id>.json`."""

    run_id: str
    job: str
    first_day: str | None
    last_day: str | None
    error: str


def note_failed_run(home: Home, failed: FailedRun) -> None:
    """Write the file of a run, and delete the oldest files beyond a thousand. Idempotent."""
    folder = _folder(home)
    write_file(folder / f"{failed.run_id}.json", msgspec.json.encode(failed))
    oldest_first = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in oldest_first[:-_KEPT]:
        path.unlink(missing_ok=True)


def pending_failed_runs(home: Home) -> Iterator[tuple[Path, FailedRun]]:
    """Failed runs without notification. Delete each file once its messages are stored. Damaged files are kept."""
    for path in sorted(_folder(home).glob("*.json")):
        with contextlib.suppress(msgspec.DecodeError, FileNotFoundError):
            yield path, msgspec.json.decode(path.read_bytes(), type=FailedRun)


def failed_run_notifications(failed: FailedRun, config: AlertConfig, site: str, when: str, now: int) -> list[Outgoing]:
    """Return a message for each channel that gets critical alerts of every device.

    Args:
        failed: the run.
        config: channels and routes.
        site: name of the site.
        when: time of the failure, ISO 8601, UTC.
        now: microseconds since the epoch.
    """
    days = " to ".join(dict.fromkeys(day for day in (failed.first_day, failed.last_day) if day))
    notification = Notification(
        key=f"run-{failed.run_id}",
        site=site,
        kind="failed",
        alert_id="",
        rule="failed run",
        level="critical",
        device_id="",
        metric="",
        value=None,
        limit="",
        at=when,
        noticed_at=when,
        runbook="",
        tags={"run_id": failed.run_id, "job": failed.job},
        title=f"[CRITICAL] {site}: run of {failed.job} failed",
        text="\n".join([f"Days: {days or 'none'}", f"Run: {failed.run_id}", failed.error[:1000]]),
    )
    body = msgspec.json.encode(notification)
    return [Outgoing(notification.key, channel, body, now) for channel in channels_by_routes("critical", {}, config)]


def _folder(home: Home) -> Path:
    return home.dagster / "failures"
