"""The REST API: latest values, history, alerts, ingest, predictions. JSON in and out, errors with a hint."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sensor_platform.errors import ExitCode, Missing, PlatformError, WrongUse
from sensor_platform.kernel.clock import plain_utc, utc_from_micros
from sensor_platform.live.app import Parts
from sensor_platform.live.engine.view import STANDINGS
from sensor_platform.live.requests.ingest import Busy
from sensor_platform.live.requests.reading_history import Asked, anomalies, forecast, history, now_plain
from sensor_platform.live.web.security import TooLarge
from sensor_platform.reading.batch import MessageBatch
from sensor_platform.reading.model import Envelope
from sensor_platform.reading.names import topic_error

Endpoint = Callable[[Request], Awaitable[Response]]
_MOST_ROWS = 10_000
_STATES = ("firing", "acknowledged", "resolved")
_LATEST = 5 * 60
"""Seconds that `/api/latest` looks back unless told otherwise."""


class Json(Response):
    """JSON; NaN and infinity as null, names that are no UTF-8 replaced."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - anything that JSON has
        """The bytes."""
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


def told(endpoint: Endpoint) -> Endpoint:
    """Expected failures become an answer with a hint."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except TooLarge:
            return Json({"error": "the body is too large", "hint": "send less at once"}, 413)
        except Busy:
            return Json({"error": "too much waits to be written", "hint": "try again"}, 503, {"retry-after": "1"})
        except PlatformError as error:
            wrong = 404 if isinstance(error, Missing) else 400
            code = wrong if error.exit_code == ExitCode.WRONG_USE else 503
            return Json({"error": error.message, "hint": error.hint}, code)

    return answer


class Api:
    """Endpoints over the parts of a live process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def devices(self, request: Request) -> Response:
        """Devices by number, with tags and alarm level; `?search=` looks in ids and tags, `?state=` in what they are.

        Those in alarm come first, so that they are there when not all are.
        """
        view = self._parts.viewer.view
        search = request.query_params.get("search", "").casefold()[:256]
        state = request.query_params.get("state", "")
        if state and state not in STANDINGS:
            raise WrongUse(f"state: {state[:60]!r}", f"one of {', '.join(STANDINGS)}")
        worst_first = sorted(view.levels, key=lambda device: -view.levels[device])
        alarmed = [number for device in worst_first if (number := view.numbers.get(device, -1)) in range(view.device_n)]
        first = set(alarmed)
        found: list[list[Any]] = []
        total = 0
        for number in (*alarmed, *(each for each in range(view.device_n) if each not in first)):
            device, tags = view.devices[number], view.tags.get(number, {})
            if search and search not in " ".join((device, *tags.values())).casefold():
                continue
            if state and view.standing(number) != state:
                continue
            total += 1
            if len(found) < _MOST_ROWS:
                found.append([number, device, view.levels.get(device, 0), tags])
        return Json({"total": total, "devices": found})

    async def latest(self, request: Request) -> Response:
        """Newest values of the last `max_age` seconds (300); `?device=` and `?metric=` choose."""
        view = self._parts.viewer.view
        query = request.query_params
        oldest = view.at - int(_number(query.get("max_age"), _LATEST) * 1e6)
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

    async def history(self, request: Request) -> Response:
        """Windows or readings of a device and metric, from the published files; with the forecast where asked."""
        asked = _asked(request.query_params)
        found = await asyncio.to_thread(history, self._parts.home, asked)
        found["limits"] = self._parts.limits_of(asked.device, asked.metric)
        if request.query_params.get("forecast"):
            try:
                until = asked.end + timedelta(days=2)
                found["forecast"] = await asyncio.to_thread(
                    forecast, self._parts.home, asked.device, asked.metric, asked.start, until
                )
                found["anomalies"] = await asyncio.to_thread(
                    anomalies, self._parts.home, asked.device, asked.metric, asked.start, until
                )
            except PlatformError:
                found.setdefault("forecast", None)
                found["anomalies"] = None
        return Json(found)

    async def recent(self, request: Request) -> Response:
        """Windows of one device that closed in the last minutes, from the live store."""
        query = request.query_params
        minutes = min(_number(query.get("minutes"), 15), 180)
        device, metric = _need(query, "device"), _need(query, "metric")
        spec = query.get("window", "")
        rows = await asyncio.to_thread(self._parts.recent, device, metric, spec, minutes)
        return Json({"windows": rows, "limits": self._parts.limits_of(device, metric)})

    async def alerts(self, request: Request) -> Response:
        """Alerts, newest first; `?state=firing|acknowledged|resolved`, `?device=`."""
        query = request.query_params
        state = query.get("state", "")
        if state and state not in _STATES:
            raise WrongUse(f"state: {state[:60]!r}", f"one of {', '.join(_STATES)}")
        rows = await asyncio.to_thread(self._parts.alert_rows, state, query.get("device", ""))
        return Json({"alerts": rows})

    async def answer_alert(self, request: Request) -> Response:
        """POST acknowledge, confirm or reject."""
        alert_id, answer = request.path_params["alert_id"], request.path_params["answer"]
        who = request.query_params.get("by", "page")[:100]
        await asyncio.to_thread(self._parts.answer, alert_id, answer, who)
        return Json({"alert_id": alert_id, "answer": answer})

    async def ingest(self, request: Request) -> Response:
        """POST messages: one object, an array, or NDJSON. 202 only after fsync; refusals are told, and quarantined."""
        begin = time.perf_counter()
        topic = request.query_params.get("topic", self._parts.config.ingest_topic)
        if reason := topic_error(topic):
            raise WrongUse(f"topic: {reason}", "name a topic without wildcards")
        payloads = _payloads(await request.body(), request.headers.get("content-type", ""))
        received_at = self._parts.clock()
        moment = utc_from_micros(received_at)
        envelopes = [Envelope(topic, payload, moment, "", 0, session="http") for payload in payloads]
        future = self._parts.ingest.put(envelopes, sum(map(len, payloads)))
        try:
            accepted = await asyncio.wait_for(asyncio.wrap_future(future), 30.0)
        except (OSError, TimeoutError) as error:
            return Json({"error": f"not written: {error}", "hint": "try again"}, 503, {"retry-after": "1"})
        self._parts.stages.observe("ingest", time.perf_counter() - begin)
        batch = MessageBatch([topic] * len(payloads), payloads, [received_at] * len(payloads))
        decoded = self._parts.decoder.decode(batch)
        refused = [
            {"message": index, "rule": why.rule, "reason": why.reason, "hint": why.hint}
            for index, why in decoded.rejected[:100]
        ]
        return Json({"accepted": accepted, "refused": refused}, 202)

    async def predict(self, request: Request) -> Response:
        """POST inputs as JSON to the champion model of that name."""
        name = request.path_params["name"]
        try:
            inputs = msgspec.json.decode(await request.body(), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WrongUse(f"the body is no JSON object: {error}", "send an object of inputs") from error
        return Json(await asyncio.to_thread(self._parts.predictor.predict, name, inputs))


def _asked(query: Mapping[str, str]) -> Asked:
    end = _time(query.get("to"), now_plain())
    start = _time(query.get("from"), end - timedelta(hours=1))
    if start >= end:
        raise WrongUse("from is not before to", "swap them")
    return Asked(_need(query, "device"), _need(query, "metric"), start, end, query.get("window", "auto"))


def _need(query: Mapping[str, str], name: str) -> str:
    if not query.get(name):
        raise WrongUse(f"{name} is missing", f"add ?{name}=...")
    return query[name]


def _number(text: str | None, default: float) -> float:
    try:
        number = default if text is None else float(text)
    except ValueError as error:
        raise WrongUse(f"{text[:60]!r} is no number" if text else "no number", "write seconds or minutes") from error
    if not 0 < number < 1e9:
        raise WrongUse(f"{number} is out of range", "write a positive number")
    return number


def _time(text: str | None, default: datetime) -> datetime:
    """ISO 8601 (UTC where it names no zone) or epoch seconds, as plain UTC."""
    if not text:
        return default
    try:
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC).replace(tzinfo=None)
        parsed = datetime.fromisoformat(text)
        return plain_utc(parsed)
    except (ValueError, OverflowError, OSError) as error:
        raise WrongUse(f"{text[:60]!r} is no time", "write ISO 8601 or seconds since 1970") from error


def _payloads(body: bytes, content_type: str) -> list[bytes]:
    """The messages of a request, byte for byte where they can be told apart without decoding."""
    if "ndjson" in content_type or "jsonl" in content_type:
        found = [line for line in body.splitlines() if line.strip()]
    elif body.lstrip()[:1] == b"[":
        try:
            found = [bytes(each) for each in msgspec.json.decode(body, type=list[msgspec.Raw])]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WrongUse(f"the body is no JSON array: {error}", "send an array of objects, or NDJSON") from error
    else:
        found = [body] if body.strip() else []
    if not found:
        raise WrongUse("the body holds no message", "send an object, an array of objects, or NDJSON")
    return found
