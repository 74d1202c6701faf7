"""`POST /ingest` and `POST /api/predict`: messages to store, and inputs of a prediction."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.live.monitor.stage_metrics import StageMetrics
from sensor_platform.live.requests.ingest import IngestWriter
from sensor_platform.live.requests.predictor import Predictor
from sensor_platform.live.web.responses import Json
from sensor_platform.reading.batch import MessageBatch
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.model import Envelope
from sensor_platform.reading.names import topic_error

_WRITE_SECONDS = 30.0
_MOST_REFUSED = 100


class IngestApi:
    """Stores messages that come by HTTP."""

    def __init__(
        self, writer: IngestWriter, decoder: Decoder, stages: StageMetrics, clock: Callable[[], int], topic: str
    ) -> None:
        """Describe how messages are stored.

        Args:
            writer: takes the messages.
            decoder: finds those that the lander will quarantine; used by the event loop only.
            stages: take the duration.
            clock: microseconds since the epoch.
            topic: of messages that come without one.
        """
        self._writer = writer
        self._decoder = decoder
        self._stages = stages
        self._clock = clock
        self._topic = topic

    async def ingest(self, request: Request) -> Response:
        """Take one object, an array, or NDJSON. 202 only after fsync; lists messages that will be quarantined."""
        begin = time.perf_counter()
        topic = request.query_params.get("topic", self._topic)
        if reason := topic_error(topic):
            raise WrongUse(f"topic: {reason}", "name a topic without wildcards")
        payloads = _payloads(await request.body(), request.headers.get("content-type", ""))
        received_at = self._clock()
        moment = utc_from_micros(received_at)
        envelopes = [Envelope(topic, payload, moment, "", 0, session="http") for payload in payloads]
        future = self._writer.put(envelopes, sum(map(len, payloads)))
        try:
            accepted = await asyncio.wait_for(asyncio.wrap_future(future), _WRITE_SECONDS)
        except (OSError, TimeoutError) as error:
            return Json({"error": f"not written: {error}", "hint": "try again"}, 503, {"retry-after": "1"})
        self._stages.observe("ingest", time.perf_counter() - begin)
        decoded = self._decoder.decode(MessageBatch([topic] * len(payloads), payloads, [received_at] * len(payloads)))
        refused = [
            {"message": index, "rule": why.rule, "reason": why.reason, "hint": why.hint}
            for index, why in decoded.rejected[:_MOST_REFUSED]
        ]
        return Json({"accepted": accepted, "refused": refused}, 202)


class PredictApi:
    """Makes predictions on request."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    async def predict(self, request: Request) -> Response:
        """Take inputs as a JSON object, for the champion model of that name."""
        name = request.path_params["name"]
        try:
            inputs = msgspec.json.decode(await request.body(), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WrongUse(f"the body is not a JSON object: {error}", "send an object of inputs") from error
        return Json(await asyncio.to_thread(self._predictor.predict, name, inputs))


def _payloads(body: bytes, content_type: str) -> list[bytes]:
    """Split a request into messages, byte for byte, without decoding them."""
    if "ndjson" in content_type or "jsonl" in content_type:
        found = [line for line in body.splitlines() if line.strip()]
    elif body.lstrip()[:1] == b"[":
        try:
            found = [bytes(each) for each in msgspec.json.decode(body, type=list[msgspec.Raw])]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WrongUse(f"the body is not a JSON array: {error}", "send an array of objects, or NDJSON") from error
    else:
        found = [body] if body.strip() else []
    if not found:
        raise WrongUse("the body contains no message", "send an object, an array of objects, or NDJSON")
    return found
