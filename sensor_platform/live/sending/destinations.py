"""Every channel of the outbox with its destination, from rules.yaml and section `live` of site.yaml."""

from collections.abc import Iterator

from sensor_platform.alert.compose import COMMANDS
from sensor_platform.alert.config import AlertConfig
from sensor_platform.live.config import LiveConfig, OutputStream, Trigger
from sensor_platform.sinks.sink import Destination
from sensor_platform.sinks.sink_messages import read_command, read_whole, stream_reader
from sensor_platform.sinks.sink_table import channel_destination, kind_of


def all_destinations(alerts: AlertConfig, live: LiveConfig) -> Iterator[Destination]:
    """Yield the destinations of notifications, local commands, output streams and triggers."""
    for name, channel in alerts.channels.items():
        yield channel_destination(name, channel)
    if any(rule.command for rule in alerts.rules):
        yield Destination(COMMANDS, "mqtt", read_command)
    for number, stream in enumerate(live.republish):
        kind, address = kind_of(stream)
        yield Destination(
            stream_channel(number, stream),
            kind,
            stream_reader(retain=stream.retain),
            address,
            is_uplink=stream.to == "uplink",
            is_ordered=True,
        )
    for trigger in live.triggers:
        yield Destination(trigger_channel(trigger), "prediction", read_whole)


def stream_channel(number: int, stream: OutputStream) -> str:
    """Name of an output stream's channel in the outbox."""
    return f"(republish {number} {stream.what})"


def trigger_channel(trigger: Trigger) -> str:
    """Name of a trigger's channel in the outbox."""
    return f"(predict {trigger.name})"
