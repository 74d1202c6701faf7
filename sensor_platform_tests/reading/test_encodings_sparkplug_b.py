"""The encoding `sparkplug` decodes messages with their topic and with the births before them."""

from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.encodings import MessageDecoder
from sensor_platform.reading.encodings.sparkplug_b import SPARKPLUG
from sensor_platform.reading.memory import Memory
from sensor_platform.reading.sparkplug.protobuf_schema import Payload


def test_it_decodes_a_birth_with_its_topic() -> None:
    decoder = SPARKPLUG.decoder(DEFAULT_CONTRACT)
    assert isinstance(decoder, MessageDecoder)
    content = Payload(timestamp=1_772_366_400_000, seq=0)
    content.metrics.add(name="t", datatype=10, double_value=20.5)
    message = decoder.decode("spBv1.0/plant/NBIRTH/node", bytes(content.SerializeToString()), Memory())
    assert {record["metric"]: record["value"] for record in message.records}["t"] == 20.5
