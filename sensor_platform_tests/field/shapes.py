"""Shapes of payloads as devices and gateways send them: the files of `corpus/`."""

import gzip
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import yaml

CORPUS = Path(__file__).parent / "corpus"
NOW = datetime(2024, 12, 31, 12, tzinfo=UTC)
"""When the first message of a shape arrives, unless it says otherwise; each later one arrives a second later."""
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One reading; where a key is missing the message says it."""

    value: float | None = None
    text: str | None = None
    unit: str | None = None
    quality: str | None = None
    tags: dict[str, str] | None = None
    time: datetime | None = None
    device: str | None = None


Given = float | str | Expected


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One message, and what is expected of it under the contract of its shape."""

    topic: str
    payload: str | None = None
    hex: str | None = None
    gzip: str | None = None
    """Text that was compressed."""
    received: datetime | None = None
    retain: bool = False
    device: str | None = None
    time: datetime | None = None
    """Event time of the readings; the receive time if it is missing."""
    unit: str | None = None
    quality: str | None = None
    tags: dict[str, str] = {}
    readings: dict[str, Given | tuple[Given, ...]] = {}
    """Metric to its value or text, or to several readings."""
    refused: tuple[str, ...] = ()
    """Rules of what is refused."""

    @property
    def content(self) -> bytes:
        """The bytes of the payload."""
        if self.hex is not None:
            return bytes.fromhex(self.hex)
        if self.gzip is not None:
            return gzip.compress(self.gzip.encode(), mtime=0)
        return (self.payload or "").encode()

    def expected(self) -> Iterator[tuple[str, Expected]]:
        """Metric and reading, whole."""
        for metric, given in self.readings.items():
            for each in given if isinstance(given, tuple) else (given,):
                yield metric, self._whole(each)

    def _whole(self, given: Given) -> Expected:
        if isinstance(given, str):
            given = Expected(text=given)
        elif not isinstance(given, Expected):
            given = Expected(value=float(given))
        return Expected(
            value=given.value,
            text=given.text,
            unit=given.unit or self.unit,
            quality=given.quality or self.quality,
            tags=self.tags if given.tags is None else given.tags,
            time=given.time or self.time,
            device=given.device or self.device,
        )


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Messages of one form, of one or several devices."""

    name: str
    source: str
    """Public page that describes it."""
    messages: tuple[Sent, ...]
    use: tuple[str, ...] = ()
    """Names of the library."""
    contract: tuple[dict[str, Any], ...] = ()
    """Contracts of the site itself, where none ships."""
    known_wrong: str = ""
    """What the default contract alone makes wrong of it, until that is mended."""
    note: str = ""

    def received_at(self, number: int) -> datetime:
        """When a message arrives."""
        return self.messages[number].received or NOW + timedelta(seconds=number)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    shapes: tuple[Shape, ...]


def all_shapes() -> Mapping[str, Shape]:
    """Every shape of the corpus by the name of its file and its own."""
    found: dict[str, Shape] = {}
    for path in sorted(CORPUS.glob("*.yaml")):
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)
        for shape in msgspec.convert(content, _File).shapes:
            name = f"{path.stem}: {shape.name}"
            assert name not in found, f"{name} is there twice"
            found[name] = shape
    return found
