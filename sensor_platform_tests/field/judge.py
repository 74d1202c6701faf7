"""Judges what the platform makes of a shape under its contract: right, refused, or wrong and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import yaml

from sensor_platform.kernel.clock import to_micros, utc_from_micros
from sensor_platform.landing.open_lander import limits_of
from sensor_platform.reading.batch import Decoded, MessageBatch
from sensor_platform.reading.decode import Decoder
from sensor_platform.site import Site, load_site
from sensor_platform_tests.field.shapes import Expected, Shape


@dataclass(frozen=True)
class Found:
    """One reading that the platform made of a message."""

    message: int
    device: str
    metric: str
    at: datetime
    is_device_time: bool
    value: float | None
    text: str | None
    unit: str | None
    quality: str | None
    tags: dict[str, str]


@dataclass(frozen=True)
class Result:
    """What became of the messages of a shape."""

    readings: list[Found]
    refused: list[tuple[int, str, str]]
    """Message, rule and hint."""

    def of(self, message: int) -> list[Found]:
        return [each for each in self.readings if each.message == message]

    def refusals(self, message: int) -> list[str]:
        return [rule for number, rule, _ in self.refused if number == message]


@dataclass(frozen=True)
class Verdict:
    """`right`, `refused` or `wrong`, and what is wrong."""

    word: str
    faults: list[str] = field(default_factory=list)


def under_contract(shape: Shape, folder: Path) -> Verdict:
    """The verdict under the shipped contract, or the one of the shape: exactly the readings that are stated.

    Args:
        shape: the messages.
        folder: an empty one, for the site.
    """
    result = decode(shape, _site(shape, folder))
    faults: list[str] = []
    for number, message in enumerate(shape.messages):
        wanted = sorted(_row(metric, each, shape, number) for metric, each in message.expected())
        got = sorted(map(_row_of, result.of(number)))
        faults += [f"message {number}: missing {row}" for row in wanted if row not in got]
        faults += [f"message {number}: unexpected {row}" for row in got if row not in wanted]
        if sorted(set(result.refusals(number))) != sorted(message.refused):
            faults.append(f"message {number}: refused by {sorted(set(result.refusals(number)))}")
        if len(wanted) != len(got) and not faults:
            faults.append(f"message {number}: {len(got)} readings, not {len(wanted)}")
    faults += _merged(shape, result)
    if faults:
        return Verdict("wrong", faults)
    return Verdict("right" if result.readings else "refused")


def decode(shape: Shape, site: Site) -> Result:
    """What the contracts of a site make of a shape."""
    batch = MessageBatch(
        [each.topic for each in shape.messages],
        [each.content for each in shape.messages],
        [to_micros(shape.received_at(number)) for number in range(len(shape.messages))],
        retained={number for number, each in enumerate(shape.messages) if each.retain},
    )
    decoded = Decoder(site.contracts, limits_of(site.landing, site.start)).decode(batch)
    return Result(list(_readings(decoded)), [(number, why.rule, why.hint) for number, why in decoded.rejected])


def _site(shape: Shape, folder: Path) -> Site:
    """A new site that is subscribed to everything, with the contract of the shape."""
    (folder / "contracts").mkdir(parents=True)
    settings = {"collect": {"subscriptions": [{"topic": "#"}]}, "contracts": {"use": list(shape.use)}}
    (folder / "site.yaml").write_text(yaml.safe_dump(settings))
    if shape.contract:
        (folder / "contracts" / "own.yaml").write_text(yaml.safe_dump_all(shape.contract))
    return load_site(folder)


def _readings(decoded: Decoded) -> Iterator[Found]:
    records = decoded.records
    for block in decoded.blocks:
        for row, record in enumerate(block.record):
            yield Found(
                records.message[record],
                records.device_id[record],
                block.metric if isinstance(block.metric, str) else block.metric[row],
                utc_from_micros(records.event_at[record]),
                records.is_device_time[record],
                None if block.value is None else block.value[row],
                None if block.text is None else block.text[row],
                (block.unit or records.unit[record]) if block.is_described else None,
                block.quality or (records.quality[record] if block.is_described else None),
                dict(decoded.tag_sets[records.tags[record]]),
            )


def _row(metric: str, each: Expected, shape: Shape, number: int) -> tuple[str, ...]:
    at = each.time or shape.received_at(number)
    facts = (each.value, each.text, each.unit, each.quality, sorted((each.tags or {}).items()))
    return (str(each.device), metric, _time(at, is_device_time=each.time is not None), *map(repr, facts))


def _row_of(each: Found) -> tuple[str, ...]:
    facts = (each.value, each.text, each.unit, each.quality, sorted(each.tags.items()))
    return (each.device, each.metric, _time(each.at, is_device_time=each.is_device_time), *map(repr, facts))


def _time(at: datetime, *, is_device_time: bool) -> str:
    return f"{at.astimezone(UTC).isoformat()}{'' if is_device_time else ' (arrival)'}"


def _merged(shape: Shape, result: Result) -> Iterator[str]:
    """Readings of several devices or series that have one name."""
    series: dict[tuple[str, str], set[tuple[str | None, str]]] = {}
    devices: dict[tuple[str, str], set[str | None]] = {}
    moments: dict[tuple[str, str, datetime, int], set[object]] = {}
    for each in result.readings:
        key = (each.device, each.metric)
        expected = list(shape.messages[each.message].expected())
        could = {(one.device, metric) for metric, one in expected if _is_same(each, one)}
        if could:
            series[key] = series[key] & could if key in series else could
        owners = {one.device for _, one in expected}
        if owners:
            devices[key] = devices[key] & owners if key in devices else owners
        moments.setdefault((*key, each.at, each.message), set()).add(each.text if each.value is None else each.value)
    yield from (f"{key} is several series" for key, could in series.items() if not could)
    yield from (f"{key} is several devices" for key, owners in devices.items() if not owners)
    yield from (f"{key[:2]} has {len(values)} values at one time" for key, values in moments.items() if len(values) > 1)


def _is_same(found: Found, expected: Expected) -> bool:
    """Whether a reading is the expected one, whatever its name; a text is not where a number was meant."""
    if expected.value is not None:
        return found.value == expected.value
    return found.text is not None and found.text == expected.text


def without_contract(shape: Shape, folder: Path) -> Verdict:
    """The verdict under the default contract alone; names are free, and more readings may be there.

    `right`: each stated number, text and time is there. `refused`: the message was refused whole, or has a refusal for
    each reading that is not there. Everything else is wrong.

    Args:
        shape: the messages.
        folder: an empty one, for the site.
    """
    bare = msgspec.structs.replace(shape, use=(), contract=())
    result = decode(bare, _site(bare, folder))
    faults: list[str] = []
    for number, message in enumerate(shape.messages):
        found, lost = result.of(number), []
        for metric, each in message.expected():
            same = [one for one in found if _is_same(one, each)]
            if not same:
                lost.append(metric)
            if each.time is not None and same and not any(one.is_device_time and one.at == each.time for one in same):
                faults.append(f"message {number}: {metric} is not at {each.time.isoformat()}")
        refusals = len(result.refusals(number))
        if len(lost) > refusals and (found or not refusals):
            faults += [f"message {number}: {metric} is lost, or not the number that was meant" for metric in lost]
    faults += _merged(shape, result)
    if faults:
        return Verdict("wrong", faults)
    return Verdict("refused" if result.refused or not result.readings else "right")
