"""What every encoding is: bytes to a Python object of dicts, lists, texts, numbers, booleans and None."""

from collections.abc import Callable
from dataclasses import dataclass


class UndecodableError(ValueError):
    """The payload is not in the encoding that the contract names; the text says why."""


@dataclass(frozen=True, slots=True)
class Decode:
    """How payloads of one encoding are decoded: `quick` takes nearly all, `careful` says of the rest what they are."""

    quick: Callable[[bytes], object]
    """Raises ValueError for what it does not take."""
    careful: Callable[[bytes], object]
    """Raises UndecodableError. Agrees with `quick` wherever that takes a payload."""
