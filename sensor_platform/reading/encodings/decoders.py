"""The protocol of encodings: what an encoding provides, and what decoding with it returns or raises."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

EXACT_TIME = "\0time"
"""Field of a record for a time that the decoder has read itself, in microseconds since the epoch, UTC."""

if TYPE_CHECKING:
    from sensor_platform.reading.memory import Memory
    from sensor_platform.reading.model import Rejected


class UndecodableError(ValueError):
    """The payload is not in the encoding that the contract names; the text is the reason."""


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One line, row or element of a message that cannot be decoded, among others that can."""

    reason: str


class Records(list[object]):
    """The records of a message that holds several by nature, whatever the layout; a `BadRecord` for each bad one."""


@dataclass(frozen=True, slots=True)
class PayloadDecoder:
    """Decodes payloads by themselves: bytes to dict, list, `Records`, str, int, float, bool or None.

    Both functions need time and memory that the length of the payload bounds.
    """

    quick: Callable[[bytes], object]
    """Decodes nearly all payloads. Raises ValueError for those that it cannot decode."""
    careful: Callable[[bytes], object]
    """Decodes what `quick` does, with the same result, and what it refuses. Raises UndecodableError with a reason."""
    literals: Callable[[bytes], list[str]] | None = None
    """Numbers as the payload writes them, for an encoding whose decoder rounds those of more than 64 bits."""

    repeats: Callable[[bytes, int], tuple[object, str] | None] | None = None
    """For an encoding whose decoder keeps the last value of a key that an object has twice: from the payload and the
    number of keys that it decodes to, the content with the first values and what is refused; None without any."""
    no_key_twice: Callable[[Sequence[bytes], int, Iterable[Any]], bool] | None = None
    """Whether payloads of objects surely need no look by `repeats`, from the number of their keys and their values."""

    @classmethod
    def of(cls, decode: Callable[[bytes], object]) -> "PayloadDecoder":
        """One function for both: there is no quicker way for the usual payload. It raises UndecodableError."""
        return cls(decode, decode)


@dataclass(slots=True)
class DecodedMessage:
    """One message, decoded with its topic and what earlier messages taught."""

    records: list[dict[str, object]] = field(default_factory=list)
    rejected: list["Rejected"] = field(default_factory=list)
    gap: tuple[int, int] | None = None
    """Sequence number that was expected, and the one that came."""
    device: str = ""


@dataclass(frozen=True, slots=True)
class MessageDecoder:
    """Decodes messages that are understood only with their topic and with earlier messages."""

    decode: Callable[[str, bytes, "Memory"], DecodedMessage]
    """Topic, payload and memory to records; updates the memory. Raises UndecodableError with a reason."""


def _fits(_: Sequence[object]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Encoding:
    """One row of the table `reading.encodings.ENCODINGS`."""

    decoder: Callable[[Any], PayloadDecoder | MessageDecoder]
    """Makes the decoder for a `Contract` of this encoding. Contracts import the encodings, so the type is not named."""
    tags_in: str | None = None
    """Path of the object that holds the tags, unless the contract names one."""
    is_likely: Callable[[Sequence[object]], bool] = _fits
    """Whether decoded payloads look as if they were meant in this encoding, when a contract is inferred."""
