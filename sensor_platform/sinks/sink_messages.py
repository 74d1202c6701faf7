"""Bodies of the outbox as messages: notifications, commands and output streams each have a format of their own."""

from collections.abc import Mapping, Sequence

import msgspec

from sensor_platform.alert.compose import CommandMessage, Notification
from sensor_platform.sinks.sink import Reader, SinkMessage

_LONGEST_WORD = 128


class StreamMessage(msgspec.Struct, frozen=True, array_like=True):
    """One message of an output stream; the outbox holds lists of them as msgpack."""

    topic: str
    key: str
    payload: bytes


def notification_reader(topic: str, *, retain: bool) -> Reader:
    """Reads notifications (JSON).

    Args:
        topic: template; {rule}, {device}, {metric} and {level} are filled in.
        retain: for MQTT.
    """

    def read(body: bytes) -> list[SinkMessage]:
        notification = msgspec.json.decode(body, type=Notification)
        words = {
            "rule": notification.rule,
            "device": notification.device_id,
            "metric": notification.metric,
            "level": notification.level,
        }
        return [SinkMessage(body, fill_topic(topic, words), notification.device_id, retain)]

    return read


def stream_reader(*, retain: bool) -> Reader:
    """Reads the messages of an output stream.

    Args:
        retain: for MQTT.
    """

    def read(body: bytes) -> list[SinkMessage]:
        found = msgspec.msgpack.decode(body, type=list[StreamMessage])
        return [SinkMessage(each.payload, each.topic, each.key, retain) for each in found]

    return read


def read_command(body: bytes) -> list[SinkMessage]:
    """Read a local command (JSON)."""
    command = msgspec.json.decode(body, type=CommandMessage)
    return [SinkMessage(command.payload.encode(), command.topic, retain=command.retain)]


def read_whole(body: bytes) -> list[SinkMessage]:
    """Read a body that is the payload itself."""
    return [SinkMessage(body)]


def encode_stream(messages: Sequence[StreamMessage]) -> bytes:
    """Encode messages of an output stream as one row of the outbox."""
    return msgspec.msgpack.encode(messages)


def fill_topic(template: str, words: Mapping[str, str]) -> str:
    """Fill words into an MQTT topic; characters that a topic level cannot contain become `_`."""
    topic = template
    for name, value in words.items():
        safe = "".join("_" if each in "/+#" or not each.isprintable() else each for each in value)
        topic = topic.replace(f"{{{name}}}", safe[:_LONGEST_WORD])
    return topic
