"""Messages of one piece, and what decoding makes of them."""

from collections.abc import Collection

from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.reading.batch import Decoded, MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.memory import Memory

NOON = 1_772_366_400_000_000
HOUR = 3_600_000_000


def piece_of(*payloads: bytes, position: int = 0, duplicates: Collection[int] = (), at: int = NOON) -> SegmentBatch:
    """Messages that arrive a second apart."""
    count = len(payloads)
    batch = MessageBatch(["sensors/dev"] * count, list(payloads), [at + number * 1_000_000 for number in range(count)])
    return SegmentBatch(position, batch, [0x32] * count, set(duplicates), set())


def decoder(*contracts: Contract, memory: Memory | None = None) -> Decoder:
    """A decoder that believes every time up to an hour ahead."""
    return Decoder(contracts or (DEFAULT_CONTRACT,), TimeLimits(0, HOUR), memory or Memory())


def decoded(piece: SegmentBatch) -> Decoded:
    """What a piece becomes under the default contract."""
    return decoder().decode(piece.messages)
