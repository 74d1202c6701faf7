"""What sensors that check without a run report: verdicts that changed or are not shown, and all every ten minutes."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from dagster import AssetCheckEvaluation, AssetCheckKey, DagsterInstance, SensorResult

from sensor_platform.orchestration.checks.outdated_results import outdated

_REPEAT = timedelta(minutes=10)


class _Memory(msgspec.Struct, frozen=True):
    reported_at: float = 0.0
    verdicts: Mapping[str, str] = {}


def changed(verdicts: Mapping[str, str], memory: str | None, now: datetime) -> frozenset[str]:
    """Names to report: those with a new verdict, or all of them every ten minutes.

    Args:
        verdicts: by the name of what is judged.
        memory: from `remember`; None at the first look.
        now: aware.
    """
    known = _decoded(memory)
    if not 0 <= now.timestamp() - known.reported_at < _REPEAT.total_seconds():  # negative: the clock was ahead
        return frozenset(verdicts)
    return frozenset(name for name, verdict in verdicts.items() if known.verdicts.get(name) != verdict)


def remember(verdicts: Mapping[str, str], reported: Collection[str], memory: str | None, now: datetime) -> str:
    """Encode the verdicts for the next call of `changed`."""
    at = now.timestamp() if len(reported) == len(verdicts) else _decoded(memory).reported_at
    return msgspec.json.encode(_Memory(at, verdicts)).decode()


def report_changed(
    found: Sequence[tuple[str, AssetCheckEvaluation]], instance: DagsterInstance, cursor: str | None, now: datetime
) -> SensorResult:
    """The result of a sensor.

    Args:
        found: verdicts, each with the evaluation that says it; at most one for each asset.
        instance: Dagster's storage: what it does not show, because the asset was materialised since, is reported again.
        cursor: of the sensor.
        now: aware.
    """
    verdicts = {evaluation.asset_key.to_user_string(): verdict for verdict, evaluation in found}
    keys = [AssetCheckKey(evaluation.asset_key, evaluation.check_name) for _, evaluation in found]
    due = changed(verdicts, cursor, now)
    due |= {key.asset_key.to_user_string() for key in outdated(instance, keys)}
    return SensorResult(
        asset_events=[evaluation for _, evaluation in found if evaluation.asset_key.to_user_string() in due],
        skip_reason=None if due else "no verdict has changed, and all are shown",
        cursor=remember(verdicts, due, cursor, now),
    )


def _decoded(memory: str | None) -> _Memory:
    """What was reported; nothing, if an earlier version remembered it in another way."""
    try:
        return msgspec.json.decode(memory, type=_Memory) if memory else _Memory()
    except msgspec.DecodeError:
        return _Memory()
