"""`/api/history` and `/api/recent`: windows of one device and metric, with the limits of its rules."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.home import Home
from sensor_platform.live.engine.emitted_windows import EmittedWindows
from sensor_platform.live.requests.reading_history import HistoryQuery, anomalies, forecast, history, now_plain
from sensor_platform.live.web.responses import Json, number_parameter, text_parameter, time_parameter
from sensor_platform.stream.engine import Engine

_DEFAULT_MINUTES = 15
_MOST_MINUTES = 180


class HistoryApi:
    """Endpoints over the published files and the windows in the live store."""

    def __init__(self, home: Home, windows: EmittedWindows, default_window: str, engine: Callable[[], Engine]) -> None:
        self._home = home
        self._windows = windows
        self._default_window = default_window
        self._engine = engine

    async def history(self, request: Request) -> Response:
        """List windows or readings from the published files; with forecast and anomalies if `?forecast=` is given."""
        query = request.query_params
        end = time_parameter(query, "to", now_plain())
        start = time_parameter(query, "from", end - timedelta(hours=1))
        if start >= end:
            raise WrongUse("from is not before to", "swap them")
        device, metric = text_parameter(query, "device"), text_parameter(query, "metric")
        found = await asyncio.to_thread(
            history, self._home, HistoryQuery(device, metric, start, end, query.get("window", "auto"))
        )
        found["limits"] = limits_of(self._engine(), device, metric)
        if query.get("forecast"):
            series = (self._home, device, metric, start, end + timedelta(days=2))
            try:
                found["forecast"] = await asyncio.to_thread(forecast, *series)
                found["anomalies"] = await asyncio.to_thread(anomalies, *series)
            except PlatformError:
                found.setdefault("forecast", None)
                found["anomalies"] = None
        return Json(found)

    async def recent(self, request: Request) -> Response:
        """List windows that were emitted in the last `minutes` (15), from the live store."""
        query = request.query_params
        minutes = min(number_parameter(query, "minutes", _DEFAULT_MINUTES), _MOST_MINUTES)
        device, metric = text_parameter(query, "device"), text_parameter(query, "metric")
        window = query.get("window", "") or self._default_window
        rows = await asyncio.to_thread(self._windows.of_series, device, metric, window, minutes)
        return Json({"windows": rows, "limits": limits_of(self._engine(), device, metric)})


def limits_of(engine: Engine, device: str, metric: str) -> list[tuple[int, str, float]]:
    """Return the limits that threshold rules set for a series: level, `above` or `below`, value."""
    rule_set = engine.rule_set
    series = rule_set.index.find(device, metric)
    found = []
    for instance in rule_set.instances:
        if series is not None and instance.is_match(series):
            found += instance.rule.limits()
    return sorted(set(found))
