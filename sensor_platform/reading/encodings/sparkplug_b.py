"""Sparkplug B. Its reader is a package of its own and is loaded where a contract asks for it: it needs protobuf."""

from sensor_platform.reading.encodings.decoders import Encoding, MessageDecoder


def _decoder(_: object) -> MessageDecoder:
    from sensor_platform.reading.sparkplug.messages import read_sparkplug

    return MessageDecoder(read_sparkplug)


SPARKPLUG = Encoding(_decoder)
