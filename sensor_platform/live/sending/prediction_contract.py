"""The contract of predictions that data asked for: they are messages like all others."""

from sensor_platform.reading.contract import Contract, Source, TimeSource

PREDICTIONS_TOPIC = "live/predictions"

PREDICTIONS_CONTRACT = Contract(
    name="live-predictions",
    topic=f"{PREDICTIONS_TOPIC}/+",
    layout="wide",
    device=Source(field=("group",)),
    time=TimeSource(field=("window_start",), format="us", required=True),
    message_id=Source(field=("id",)),
    tags={"model": Source(field=("model",)), "class": Source(field=("class",))},
    ignore=("defaulted", "inputs"),
)
"""How predictions become readings like all others: metric `NAME` with the value, `NAME confidence` beside it."""
