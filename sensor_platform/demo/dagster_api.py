"""Queries Dagster's web server by GraphQL: materialised partitions, and runs by state."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensor_platform.errors import Unreachable

_QUERY = """
{
  instance { info }
  assetNodes { assetKey { path } isVirtual partitionStats { numMaterialized numPartitions numFailed } }
  runsOrError(limit: 200) { ... on Runs { results { runId status } } }
}
"""
_TIMEOUT_SECONDS = 10.0
_BUSY = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")


@dataclass(frozen=True, slots=True)
class Partitions:
    """Partition counts of one asset."""

    done: int
    total: int
    failed: int


@dataclass(frozen=True, slots=True)
class Work:
    """Progress of Dagster."""

    assets: Mapping[str, Partitions] = field(default_factory=dict)
    """Partitioned assets by name, without dbt's views, which Dagster counts as new as their parents."""
    busy_runs: int = 0
    """Number of queued or running runs."""
    done_runs: int = 0
    failed_runs: tuple[str, ...] = ()
    """Ids of failed runs."""


def ask_work(url: str, dagster_home: Path) -> Work | None:
    """The present state; None while the web server does not answer (it is starting, or busy).

    Raises:
        Unreachable: the web server at `url` belongs to another instance than that of `dagster_home`. Dagster's own goes
            on without a page when its port was taken between our choice and its start.
    """
    request = urllib.request.Request(  # noqa: S310 - an address of our own
        f"{url}/graphql", json.dumps({"query": _QUERY}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            data = json.load(answer).get("data")
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, json.JSONDecodeError):
        return None
    if not data:
        return None
    if str(dagster_home) not in data["instance"]["info"]:
        raise Unreachable(f"another Dagster took {url} meanwhile", "start the demo again: it chooses another port then")
    return work_from(data)


def work_from(data: Mapping[str, Any]) -> Work:
    """Decode the answer of the server."""
    assets = {
        "/".join(node["assetKey"]["path"]): Partitions(
            stats["numMaterialized"], stats["numPartitions"], stats["numFailed"]
        )
        for node in data.get("assetNodes") or ()
        if (stats := node.get("partitionStats")) and not node.get("isVirtual")
    }
    runs = (data.get("runsOrError") or {}).get("results") or ()
    return Work(
        assets=assets,
        busy_runs=sum(run["status"] in _BUSY for run in runs),
        done_runs=sum(run["status"] == "SUCCESS" for run in runs),
        failed_runs=tuple(run["runId"] for run in runs if run["status"] == "FAILURE"),
    )
