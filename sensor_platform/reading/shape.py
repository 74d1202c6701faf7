"""Brings messages whose contract has the keys `root`, `elements` or `block` into flat records, one per sample."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sensor_platform.reading.encodings.decoders import EXACT_TIME, BadRecord
from sensor_platform.reading.forms import BlockForm
from sensor_platform.reading.model import Rejected
from sensor_platform.reading.names import fold
from sensor_platform.reading.reject_rules import rejected
from sensor_platform.reading.times import time_reader, zone
from sensor_platform.reading.unfold import flatten, numbered, roles_of

if TYPE_CHECKING:
    from sensor_platform.reading.contract import Contract
    from sensor_platform.reading.sources import TimeSource, ValueSource

NAME = "@name"
"""Field of a record with the name that it has in the object that holds it, where `root` ends with an asterisk."""
_MICROS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}
Fields = dict[str, object]
Shaper = Callable[[object], Iterator[Fields | Rejected]]


def shaper_for(contract: "Contract") -> Shaper | None:
    """A function from the content of a message to its flat records and refusals; None where none is needed."""
    indexed = _indexed(contract)
    if not (contract.root or contract.elements or contract.block or indexed):
        return None
    return _Shaper(contract, indexed).shape


def _indexed(contract: "Contract") -> frozenset[str]:
    """Folded paths of arrays one of whose elements the contract names by its number (`rxInfo.0.rssi`)."""
    sources = [contract.device, contract.message_id, contract.metric, contract.value, contract.unit, contract.quality]
    others = [*contract.tags.values(), *contract.series_sources.values()]
    named: list[ValueSource | TimeSource] = [*sources, *others, contract.time]
    paths = [name for source in named for name in source.fields] + [*contract.rename, *contract.metrics]
    found: set[str] = set()
    for path in paths:
        parts = path.split(".")
        found.update(fold(".".join(parts[:at])) for at in range(1, len(parts)) if parts[at].isdigit())
    return frozenset(found)


@dataclass(slots=True)
class _Shaper:
    contract: "Contract"
    indexed: frozenset[str]
    opened: frozenset[str] = field(init=False)
    roles: dict[str, str] = field(init=False)
    root: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.opened = self.indexed | {fold(path) for path in self.contract.elements}
        self.roles = roles_of(self.contract)
        self.root = self.contract.root.split(".") if self.contract.root else []

    def shape(self, content: object) -> Iterator[Fields | Rejected]:
        """Records and refusals of one message."""
        items: Sequence[object] = content if isinstance(content, list) else [content]
        for number, item in enumerate(items):
            if isinstance(item, BadRecord):
                yield rejected("undecodable", item.reason)
            elif not isinstance(item, dict):
                which = f"element {number} of the array" if isinstance(content, list) else "the message"
                yield rejected("not_an_object", f"{which} is not an object")
            else:
                yield from self.rooted(item)

    def rooted(self, content: Fields) -> Iterator[Fields | Rejected]:
        """The records at the root of one object, each with what describes it from outside."""
        if not self.root:
            yield from self.flat(content, {}, None)
            return
        found = list(self.walk(content, self.root, "", {}, None))
        if not found:
            yield rejected("no_root", f"there is nothing at {self.contract.root!r}")
        for number, (node, outer, name) in enumerate(found):
            if isinstance(node, dict):
                shared = dict(numbered(outer, self.roles, number)) if len(found) > 1 else outer
                yield from self.flat(node, shared, name)
            else:
                yield rejected("not_an_object", f"what is at {self.contract.root!r} is not an object")

    def walk(
        self, node: object, path: list[str], prefix: str, outer: Fields, name: str | None
    ) -> Iterator[tuple[object, Fields, str | None]]:
        """What lies at a path, with the describing fields beside it and its own name."""
        if isinstance(node, list) and (not path or path[0] != "*"):
            for element in node:
                yield from self.walk(element, path, prefix, outer, name)
        elif not path:
            yield node, outer, name
        elif path[0] == "*":
            pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
            for key, value in pairs:
                inner = value if isinstance(value, dict | list) else {"value": value}
                yield from self.walk(inner, path[1:], f"{prefix}{key}.", outer, str(key))
        elif isinstance(node, dict):
            key = next((key for key in node if fold(key) == fold(path[0])), None)
            if key is not None:
                beside, _ = flatten({k: v for k, v in node.items() if k != key}, prefix)
                known = {k: v for k, v in beside.items() if fold(k) in self.roles}
                yield from self.walk(node[key], path[1:], f"{prefix}{key}.", outer | known, name)

    def flat(self, content: Fields, outer: Fields, name: str | None) -> Iterator[Fields | Rejected]:
        """The record of one object, or those of its block."""
        own, refused = flatten(content, "", self.opened)
        yield from refused
        taken = {self.roles[fold(key)] for key in own if fold(key) in self.roles}
        record = {key: value for key, value in outer.items() if self.roles[fold(key)] not in taken} | own
        if name is not None and fold(NAME) in self.roles:
            record[NAME] = name
        if self.contract.block is None:
            yield record
        else:
            yield from _Block(self.contract, self.contract.block, self.roles).unroll(record)


@dataclass(slots=True)
class _Block:
    contract: "Contract"
    form: BlockForm
    roles: dict[str, str]

    def unroll(self, record: Fields) -> Iterator[Fields | Rejected]:
        """One record per sample, and one for what the message measures beside them."""
        try:
            arrays = self.arrays(record)
            samples = list(getattr(self, self.form.form)(record, arrays))
        except _BadBlock as error:
            yield rejected("bad_block", str(error))
            return
        used = {*arrays, *self.helpers(record)}
        used |= {key for key in record if isinstance(record[key], list) and self.is_time(key)}
        rest = {key: value for key, value in record.items() if key not in used}
        shared = {key: value for key, value in rest.items() if fold(key) in self.roles}
        if len(shared) < len(rest):
            yield rest
        times = {key for key in shared if self.is_time(key)}
        base = {key: value for key, value in shared.items() if key not in times}
        for number, sample in enumerate(samples):
            yield dict(numbered(base, self.roles, number)) | sample

    def is_time(self, key: str) -> bool:
        return self.roles.get(fold(key), "").startswith("time")

    def arrays(self, record: Fields) -> dict[str, list[object]]:
        """The arrays of values by path."""
        times = self.form.times and fold(self.form.times)
        if self.form.values:
            wanted = {fold(path) for path in self.form.values}
            found = {key: value for key, value in record.items() if fold(key) in wanted}
        else:
            found = {k: v for k, v in record.items() if isinstance(v, list) and fold(k) not in self.roles}
            found = {key: value for key, value in found.items() if fold(key) != times}
        if not found:
            raise _BadBlock("there is no array of values")
        if wrong := next((key for key, value in found.items() if not isinstance(value, list)), None):
            raise _BadBlock(f"{wrong!r} is not an array")
        return found  # type: ignore[return-value] # lists, as just seen

    def helpers(self, record: Fields) -> Iterator[str]:
        """Fields that say how the block is built."""
        form = self.form
        named = {fold(name) for name in (form.times, form.step, form.rate, form.names) if isinstance(name, str)}
        yield from (key for key in record if fold(key) in named)

    def get(self, record: Fields, path: str) -> object:
        return next((value for key, value in record.items() if fold(key) == fold(path)), None)

    def series(self, record: Fields, arrays: dict[str, list[object]]) -> Iterator[Fields]:
        """Values at equal steps from the time of the message on."""
        start = self.start(record)
        if self.form.step is not None:
            step = self.number(record, "step", self.form.step) * _MICROS[self.form.unit]
        else:
            step = 1_000_000 / self.number(record, "rate", self.form.rate)
        for number, values in enumerate(_rows(arrays)):
            yield dict(zip(arrays, values, strict=True)) | {EXACT_TIME: start + round(number * step)}

    def start(self, record: Fields) -> int:
        time = self.contract.time
        read = time_reader(time.format, zone(time.timezone))
        for path in time.field:
            if (value := self.get(record, path)) is not None and not isinstance(value, list):
                at = read(value)
                if not isinstance(at, int):
                    raise _BadBlock(f"its time cannot be read: {at}")
                return int(at)
        raise _BadBlock("a block of steps has no time to begin at")

    def number(self, record: Fields, key: str, stated: float | str | None) -> float:
        """A positive number that is stated, or that a field holds."""
        value = self.get(record, stated) if isinstance(stated, str) else stated
        try:
            number = float(value)  # type: ignore[arg-type] # what is not a number raises
        except (TypeError, ValueError):
            raise _BadBlock(f"its {key} is not a number: {value!r}") from None
        if not 0 < number < 1e12:
            raise _BadBlock(f"its {key} is {number}")
        return number

    def columns(self, record: Fields, arrays: dict[str, list[object]]) -> Iterator[Fields]:
        """Values beside an array of times."""
        paths = (self.form.times,) if self.form.times else self.contract.time.field
        times = next((found for path in paths if isinstance(found := self.get(record, path), list)), None)
        if times is None:
            raise _BadBlock("there is no array of times")
        field_ = self.contract.time.field[0]
        for at, *values in _rows({"": times, **arrays}):
            yield dict(zip(arrays, values, strict=True)) | {field_: at}

    def pairs(self, _: Fields, arrays: dict[str, list[object]]) -> Iterator[Fields]:
        """Arrays of [time, value]."""
        field_ = self.contract.time.field[0]
        for name, pairs in arrays.items():
            for pair in pairs:
                if not isinstance(pair, list) or len(pair) != 2:
                    raise _BadBlock(f"an element of {name!r} is not a pair of time and value")
                yield {field_: pair[0], name: pair[1]}

    def rows(self, record: Fields, arrays: dict[str, list[object]]) -> Iterator[Fields]:
        """Rows whose columns are named beside them."""
        stated = self.form.names
        names = self.get(record, stated) if isinstance(stated, str) else list(stated)
        if not isinstance(names, list) or len(set(map(str, names))) < len(names):
            raise _BadBlock("the names of the columns are not an array, or one is there twice")
        for rows in arrays.values():
            for row in rows:
                if not isinstance(row, list) or len(row) != len(names):
                    raise _BadBlock(f"a row has not {len(names)} cells")
                yield dict(zip(map(str, names), row, strict=True))


class _BadBlock(ValueError):
    """A block that is not built as the contract says; the text is the reason."""


def _rows(arrays: dict[str, list[object]]) -> Iterator[tuple[object, ...]]:
    lengths = {len(values) for values in arrays.values()}
    if len(lengths) > 1:
        raise _BadBlock(f"its arrays have different lengths: {', '.join(map(str, sorted(lengths)))}")
    return zip(*arrays.values(), strict=True)
