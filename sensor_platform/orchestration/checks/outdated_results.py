"""Which check results Dagster shows as not evaluated, because they do not belong to the newest materialisation.

Dagster shows the latest result of a check only if it was made for the newest materialisation. Between a materialisation
and the evaluation of its checks there is none, and none comes where the run failed before it evaluated them or left
them out.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from dagster import AssetCheckKey, DagsterInstance
from dagster._core.loader import LoadingContext
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionResolvedStatus as Status

_WITHOUT_RESULT = frozenset({Status.SKIPPED, Status.EXECUTION_FAILED})


class _Loading(LoadingContext):
    """What Dagster reads and keeps during one look."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._loaders: dict[type, Any] = {}

    @property
    def instance(self) -> DagsterInstance:
        """Dagster's storage."""
        return self._instance

    @property
    def loaders(self) -> dict[type, Any]:
        """Readers by what they read."""
        return self._loaders


def outdated(instance: DagsterInstance, keys: Iterable[AssetCheckKey]) -> frozenset[AssetCheckKey]:
    """Checks whose latest result Dagster does not show.

    Checks without any result, and those that a run will evaluate, are not among them.

    Args:
        instance: Dagster's storage.
        keys: the checks to look at.
    """
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    return frozenset(asyncio.run(_outdated(_Loading(instance), records)))


async def _outdated(
    loading: LoadingContext, records: Mapping[AssetCheckKey, AssetCheckExecutionRecord]
) -> list[AssetCheckKey]:
    found = []
    for key, record in records.items():
        has_result = await record.resolve_status(loading) not in _WITHOUT_RESULT
        if not (has_result and await record.targets_latest_materialization(loading)):
            found.append(key)
    return found
