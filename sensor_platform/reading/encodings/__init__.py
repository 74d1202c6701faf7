"""Encodings: payload bytes to a Python object (dict, list, str, int, float, bool, None). Layouts take it from there.

A new encoding is one module here and one line in `ENCODINGS`. `decoders.Encoding` is the protocol.
"""

from typing import Any, Final

from sensor_platform.reading.encodings import binary, delimited, influx, json_text, plain, senml, sparkplug_b
from sensor_platform.reading.encodings.decoders import Encoding, MessageDecoder, PayloadDecoder, UndecodableError
from sensor_platform.reading.encodings.wrapping import unwrapped

__all__ = ["ENCODINGS", "Encoding", "MessageDecoder", "PayloadDecoder", "UndecodableError", "decoder_for"]

ENCODINGS: Final[dict[str, Encoding]] = {
    "json": json_text.JSON,
    "json_in_json": json_text.JSON_IN_JSON,
    "influx": influx.INFLUX,
    "csv": delimited.CSV,
    "plain": plain.PLAIN,
    "senml": senml.SENML,
    "msgpack": binary.MSGPACK,
    "cbor": binary.CBOR,
    "sparkplug": sparkplug_b.SPARKPLUG,
}
"""By the name that contracts use, in the order in which `contract infer` tries them.

Text comes first: what is text is hardly ever meant as MessagePack, though many bytes could be.
"""


def decoder_for(contract: Any) -> PayloadDecoder | MessageDecoder:  # noqa: ANN401 - a Contract, which imports this module
    """The decoder of payloads under a contract."""
    return unwrapped(ENCODINGS[contract.encoding].decoder(contract), contract.compression, contract.charset)
