"""`/api/devices` and `/api/latest`: what the engine knows now."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sensor_platform.live.engine.view import STANDINGS, View
from sensor_platform.live.web.responses import Json, choice_parameter, number_parameter

_MOST_ROWS = 10_000
_LATEST_SECONDS = 5 * 60


class ReadingsApi:
    """Endpoints that read the newest view."""

    def __init__(self, view: Callable[[], View]) -> None:
        self._view = view

    async def devices(self, request: Request) -> Response:
        """List devices with number, tags and alarm level; `?search=` filters by id and tags, `?state=` by state.

        Devices with alarms come first, so that they are included if the list is cut.
        """
        view = self._view()
        search = request.query_params.get("search", "").casefold()[:256]
        state = choice_parameter(request.query_params, "state", STANDINGS)
        worst_first = sorted(view.levels, key=lambda device: -view.levels[device])
        alarmed = [number for device in worst_first if (number := view.numbers.get(device, -1)) in range(view.device_n)]
        first = set(alarmed)
        found: list[list[Any]] = []
        total = 0
        for number in (*alarmed, *(each for each in range(view.device_n) if each not in first)):
            device, tags = view.devices[number], view.tags.get(number, {})
            if not device:  # it was forgotten
                continue
            if search and search not in " ".join((device, *tags.values())).casefold():
                continue
            if state and view.standing(number) != state:
                continue
            total += 1
            if len(found) < _MOST_ROWS:
                found.append([number, device, view.levels.get(device, 0), tags])
        return Json({"total": total, "devices": found})

    async def latest(self, request: Request) -> Response:
        """List the newest values of the last `max_age` seconds (300); `?device=` and `?metric=` filter."""
        view = self._view()
        query = request.query_params
        oldest = view.at - int(number_parameter(query, "max_age", _LATEST_SECONDS) * 1e6)
        if (device := query.get("device")) is not None:
            number = view.numbers.get(device)
            rows = view.latest(number) if number is not None and number < view.device_n else []
            rows = [row for row in rows if row["received_at"] >= oldest]
        else:
            import numpy as np

            is_recent = view.columns["received_at"] >= oldest if view.columns else np.empty(0, np.bool_)
            rows = [view.reading(series) for series in np.flatnonzero(is_recent)[:_MOST_ROWS].tolist()]
        if (metric := query.get("metric")) is not None:
            rows = [row for row in rows if row["metric"] == metric]
        return Json({"at": view.at, "readings": rows})
