"""Sink for triggered predictions: makes the prediction, stores it as a message like any other, and passes it on."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sensor_platform.errors import PlatformError
from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform.sinks.sink import Connections, Destination, PredictionSteps, SinkMessage, Unsent

PREDICTIONS_TOPIC = "live/predictions"
PREDICTIONS_CONTRACT = Contract(
    name="live-predictions",
    topic=f"{PREDICTIONS_TOPIC}/+",
    layout="wide",
    device=ValueSource(field=("group",)),
    time=TimeSource(field=("window_start",), format="us", required=True),
    message_id=ValueSource(field=("id",)),
    tags={"model": ValueSource(field=("model",)), "class": ValueSource(field=("class",))},
    ignore=("defaulted", "inputs"),
)
"""Contract by which stored predictions become readings: metric `NAME`, and `NAME confidence` for a classifier."""


class PredictionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One prediction that is due, as it waits in the outbox (JSON)."""

    trigger: str
    group: str
    window_start: int
    """Microseconds; of the interval in which all required metrics had a value."""
    at: int
    """Newest event time of the inputs, microseconds."""
    inputs: dict[str, float]
    defaulted: tuple[str, ...]
    """Inputs without a value, for which the default was used."""


class PredictionSink:
    """Answers prediction requests."""

    def __init__(self, steps: PredictionSteps) -> None:
        self._steps = steps

    def send(self, messages: Sequence[SinkMessage]) -> None:
        """Make one prediction for each request. A repeated request has the same message id and is dropped later."""
        for message in messages:
            request = msgspec.json.decode(message.payload, type=PredictionRequest)
            try:
                row = _row(request, self._steps.predict(request.trigger, dict(request.inputs)))
                self._steps.store(f"{PREDICTIONS_TOPIC}/{request.trigger}", msgspec.json.encode(row))
            except (PlatformError, OSError, TimeoutError) as error:
                raise Unsent(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
            self._steps.publish(row)

    def is_up(self) -> bool:
        """Return True: it needs nothing but this process."""
        return True

    def close(self) -> None:
        """Do nothing: no connection is kept open."""


def make(_destination: Destination, connections: Connections) -> PredictionSink:
    """Make the sink of a trigger.

    Raises:
        ValueError: this process makes no predictions.
    """
    if connections.predictions is None:
        raise ValueError("this process makes no predictions")
    return PredictionSink(connections.predictions)


def _row(request: PredictionRequest, predicted: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": f"{request.trigger}-{request.window_start}",
        "group": request.group,
        "window_start": request.window_start,
        "model": predicted["model"],
        request.trigger: predicted.get("value"),
        "inputs": request.inputs,
        "defaulted": list(request.defaulted),
    }
    if "class" in predicted:
        row |= {"class": predicted["class"], f"{request.trigger} confidence": predicted["confidence"]}
    return row
