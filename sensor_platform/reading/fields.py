"""Finds device, time, ids, units and tags of records: in the payload first, then in other sources."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sensor_platform.reading.batch import MessageBatch
from sensor_platform.reading.local_times import FromArrival, UnclearTime
from sensor_platform.reading.names import below_filter
from sensor_platform.reading.record_plan import Lookup, LookupPart, RecordPlan
from sensor_platform.reading.sources import TimeSource, ValueSource
from sensor_platform.reading.times import exact_time, time_reader, zone
from sensor_platform.reading.values import EXACT, text_of

Time = int | str | UnclearTime | FromArrival | None
"""Microseconds since the epoch, the reason why it cannot be read, two meanings, after the arrival, or None."""
TimeReader = Callable[[object], Time]


@dataclass(slots=True)
class Group:
    """Records of one shape: `columns[c][r]` is field `c` of record `r`, which is of message `messages[r]`."""

    messages: Sequence[int]
    columns: list[list[object]]
    is_landed: bool = False
    """Whether every message of the group is known to have a good reading."""

    def pick(self, rows: Sequence[int]) -> "Group":
        """Only some of the records."""
        return Group([self.messages[row] for row in rows], [[column[row] for row in rows] for column in self.columns])


@dataclass(slots=True)
class FieldReader:
    """Reads the fields that describe a record. Used for one batch."""

    batch: MessageBatch
    levels: dict[tuple[str, int], str | None] = field(default_factory=dict)
    rests: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)
    readers: dict[tuple[str, str], TimeReader] = field(default_factory=dict)
    literals: Callable[[bytes], list[str]] | None = None
    """Numbers as a payload writes them, where its decoder rounds large ones."""
    unclear: dict[int, str] = field(default_factory=dict)
    """Message to the reason why one of its ids is not known."""
    _written: tuple[int, dict[float, set[str]]] = (-1, {})

    def texts(self, lookup: Lookup, group: Group, *, only_text: bool = False) -> Sequence[str | None]:
        """One text, or None, for each record.

        Args:
            lookup: where to look.
            group: the records.
            only_text: pass over numbers and booleans.
        """
        if not lookup.is_possible:
            return [None] * len(group.messages)
        if lookup.parts:
            joined = self.joined(lookup.parts, group)
            if None not in joined:
                return joined
            rest = self.texts(Lookup(lookup.columns, lookup.source), group, only_text=only_text)
            return [text or other for text, other in zip(joined, rest, strict=True)]
        if lookup.columns:
            first = group.columns[lookup.columns[0]]
            kinds = set(map(type, first))
            if kinds == {str} and all(first):
                return first  # type: ignore[return-value] # every element is a text
            if kinds == {int} and not only_text:
                return list(map(str, first))
        found: list[str | None] = []
        columns = [group.columns[column] for column in lookup.columns]
        for row, message in enumerate(group.messages):
            text = None
            for column in columns:
                if (text := self.name_of(column[row], message)) and not (
                    only_text and not isinstance(column[row], str)
                ):
                    break
                text = None
            found.append(text or self.outside(lookup.source, message))
        return found

    def joined(self, parts: tuple[LookupPart, ...], group: Group, *, is_name: bool = True) -> list[str | None]:
        """What a template makes of each record; None where one of its parts is missing."""
        found: list[str | None] = []
        for row, message in enumerate(group.messages):
            texts = [self.part(each, group, row, message) for each in parts]
            if None in texts:
                found.append(None)
                continue
            pieces = [parts[0].part.before]
            for each, text in zip(parts, texts, strict=True):
                pieces += [each.part.quoted(text or "") if is_name else text or "", each.part.after]
            found.append("".join(pieces))
        return found

    def part(self, lookup: LookupPart, group: Group, row: int, message: int) -> str | None:
        """One part of a template."""
        part, text = lookup.part, None
        if part.kind == "topic":
            topic = self.batch.topics[message]
            text = self.level(topic, part.level) if part.level == part.last else levels_of(topic, part.level, part.last)
        elif part.kind == "property":
            text = self.user_property(part.name, message)
        elif part.kind == "key":
            text = self.batch.keys.get(message, b"").decode("utf-8", "backslashreplace") or None
        for column in lookup.columns:
            if text is None:
                text = self.name_of(group.columns[column][row], message)
        return part.default if text is None else text

    def name_of(self, value: object, message: int) -> str | None:
        """An id, unit or tag as text, digit by digit."""
        if type(value) is float and self.literals and (found := self.written(value, message)):
            if len(found) > 1:
                self.unclear[message] = (
                    f"the id {value!r} has more digits than a double, and so has another of the message"
                )
            return min(found)
        return text_of(value)

    def written(self, value: float, message: int) -> set[str]:
        """How the payload writes a number that has more digits than a double; empty where it has not."""
        if self.literals is None or (-EXACT < value < EXACT and len(repr(value)) < 17):
            return set()
        if self._written[0] != message:
            numbers: dict[float, set[str]] = {}
            for text in self.literals(self.batch.payloads[message]):
                if sum(map(str.isdigit, text)) > 15 and not set(text) & {"e", "E"}:
                    numbers.setdefault(float(text), set()).add(text)
            self._written = (message, numbers)
        return self._written[1].get(value, set())

    def outside(self, source: ValueSource, message: int) -> str | None:
        """What a source finds without the payload."""
        if source.user_property and (value := self.user_property(source.user_property, message)):
            return value
        if source.kafka_key and (key := self.batch.keys.get(message)):
            return key.decode("utf-8", "backslashreplace")
        if source.topic_level is not None and (level := self.level(self.batch.topics[message], source.topic_level)):
            return level
        if source.topic_below is not None and (rest := self.below(self.batch.topics[message], source.topic_below)):
            return rest
        return source.constant

    def user_property(self, name: str, message: int) -> str | None:
        """First user property of that name, None where there is none or it is empty."""
        pairs = self.batch.user_properties.get(message, ())
        return next((value for key, value in pairs if key == name), None) or None

    def level(self, topic: str, number: int) -> str | None:
        """A level of a topic, None where there is none or it is empty."""
        key = (topic, number)
        if key not in self.levels:
            levels = topic.split("/")
            self.levels[key] = (levels[number] if -len(levels) <= number < len(levels) else None) or None
        return self.levels[key]

    def below(self, topic: str, topic_filters: tuple[str, ...]) -> str:
        """A topic without the levels with which its filter begins."""
        key = (topic, topic_filters)
        if key not in self.rests:
            self.rests[key] = below_filter(topic_filters, topic)
        return self.rests[key]

    def times(self, plan: RecordPlan, group: Group) -> list[Time]:
        """The time of each record."""
        source = plan.contract.time
        read = self.reader(source)
        found: list[Time] | None = None
        if plan.time_parts:
            found = list(map(read, self.joined(plan.time_parts, group, is_name=False)))
        for column in plan.time:
            parsed = list(map(exact_time if column == plan.exact_time else read, group.columns[column]))
            found = parsed if found is None else _filled(found, parsed)
            if None not in found:
                return found
        found = found or [None] * len(group.messages)
        if source.user_property:
            return [
                at if at is not None else read(self.user_property(source.user_property, message))
                for at, message in zip(found, group.messages, strict=True)
            ]
        return found

    def reader(self, source: TimeSource) -> TimeReader:
        """The cached function that reads times in the format of `source`."""
        key = (source.format, source.timezone)
        if key not in self.readers:
            self.readers[key] = time_reader(source.format, zone(source.timezone))
        return self.readers[key]


def levels_of(topic: str, first: int, last: int) -> str | None:
    """Several levels of a topic, from the first to the last, negative ones from its end; None where there are none."""
    levels = topic.split("/")
    first, last = (number + len(levels) if number < 0 else number for number in (first, last))
    return "/".join(levels[max(first, 0) : last + 1]) or None


def _filled(some: list[Time], others: list[Time]) -> list[Time]:
    """The elements of `some`, and those of `others` where it has none."""
    return [a if a is not None else b for a, b in zip(some, others, strict=True)]
