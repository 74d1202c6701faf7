"""Decodes batches of messages by their contracts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sensor_platform.reading.batch import Decoded, MessageBatch, TimeLimits
from sensor_platform.reading.contract import Contract, contract_for
from sensor_platform.reading.encodings import MessageDecoder, PayloadDecoder, UndecodableError, decoder_for
from sensor_platform.reading.encodings.decoders import BadRecord, Records
from sensor_platform.reading.encodings.repeated_keys import keys_in
from sensor_platform.reading.fields import Group
from sensor_platform.reading.group import GroupReader
from sensor_platform.reading.memory import Memory
from sensor_platform.reading.plan import make_plan
from sensor_platform.reading.recognise import is_senml, not_an_object, undecodable
from sensor_platform.reading.record_plan import RecordKind, RecordPlan
from sensor_platform.reading.reject_rules import rejected
from sensor_platform.reading.shape import Shaper, shaper_for
from sensor_platform.reading.unfold import roles_of, unfold
from sensor_platform.reading.value_kinds import Drift

_MAX_CACHED = 50_000
"""Maximum topics and planned fields in the caches, so that senders cannot fill the memory with new names."""

_CHUNK = 1000
"""Messages whose keys are counted together."""

Keys = tuple[str, ...]
REPEATED_HINT = "send each key of an object once; readers of JSON differ in which value they take"


@dataclass(slots=True)
class _Rows:
    """Records of one shape as they are collected: values of all records one after the other."""

    messages: list[int] = field(default_factory=list)
    values: list[object] = field(default_factory=list)


_Shapes = dict[tuple[RecordKind, Keys], _Rows]


class Decoder:
    """Turns messages into readings by the first contract that matches their topic. Not thread-safe."""

    def __init__(self, contracts: Sequence[Contract], limits: TimeLimits, memory: Memory | None = None) -> None:
        self.memory = Memory() if memory is None else memory
        self._contracts = tuple(contracts)
        self._decoders = [decoder_for(contract) for contract in self._contracts]
        self._shapers = [shaper_for(contract) for contract in self._contracts]
        self._limits = limits
        self._by_topic: dict[str, int | None] = {}
        self._plans: dict[tuple[int, RecordKind, Keys], RecordPlan] = {}
        self._planned_fields = 0

    def decode(self, batch: MessageBatch) -> Decoded:
        """Readings and rejects of a batch: every message has at least one of either."""
        out = Decoded(has_reading=bytearray(len(batch)))
        reader = GroupReader(batch, self._limits, out)
        for number, messages in self._by_contract(batch, out).items():
            reader.use(self._contracts[number], self._decoders[number])
            shapes = self._collect(number, messages, batch, out)
            while shapes:
                kind, keys = next(iter(shapes))
                rows = shapes.pop((kind, keys))
                plan = self._plan(number, kind, keys)
                width = plan.width
                group = Group(rows.messages, [rows.values[column::width] for column in range(width)])
                group = _unfold(plan, keys, group, shapes, out) if plan.unfolds else group
                if group.messages:
                    reader.read(plan, group)
        _account_for_all(out)
        return out

    def reads_properties(self, topic: str) -> bool:
        """Whether the contract of a topic reads user properties (headers) or the key of a message."""
        number = self._find(topic)
        return number is not None and self._contracts[number].reads_properties

    def _by_contract(self, batch: MessageBatch, out: Decoded) -> dict[int, Sequence[int]]:
        """Indices of messages by number of their contract; messages without a contract are rejected."""
        numbers = {topic: self._find(topic) for topic in set(batch.topics)}
        found: dict[int | None, Sequence[int]] = {number: [] for number in numbers.values()}
        if len(found) == 1:
            found = {number: range(len(batch)) for number in found}
        else:
            for index, topic in enumerate(batch.topics):
                found[numbers[topic]].append(index)  # type: ignore[attr-defined] # a list, as just made
        why = rejected("no_contract", "no contract's topic filter matches this topic")
        out.rejected.extend((index, why) for index in found.pop(None, ()))
        return {number: indices for number, indices in found.items() if number is not None}

    def _find(self, topic: str) -> int | None:
        if topic in self._by_topic:
            return self._by_topic[topic]
        if len(self._by_topic) >= _MAX_CACHED:
            self._by_topic.clear()
        contract = contract_for(self._contracts, topic)
        number = self._by_topic[topic] = None if contract is None else self._contracts.index(contract)
        return number

    def _collect(self, number: int, messages: Sequence[int], batch: MessageBatch, out: Decoded) -> _Shapes:
        """Decode the payloads of one contract's messages and sort them by their fields."""
        contract, decoder = self._contracts[number], self._decoders[number]
        if isinstance(decoder, MessageDecoder):
            return self._collect_with_memory(decoder, messages, batch, out)
        if (shaper := self._shapers[number]) is not None:
            return _collect_shaped(shaper, decoder, messages, batch, out)
        quick, careful = decoder.quick, decoder.careful
        payloads = batch.payloads
        by_keys: dict[Keys, _Rows] = {}
        last: Keys | None = None  # messages of one shape often follow each other
        rows = _Rows()
        other: list[tuple[int, object]] = []
        for index in messages:
            try:
                content = quick(payloads[index])
            except ValueError:
                try:
                    content = careful(payloads[index])
                except UndecodableError as error:
                    out.rejected.append((index, undecodable(str(error), batch.topics[index], payloads[index])))
                    continue
            if type(content) is not dict:
                other.append((index, content))
                continue
            keys = tuple(content)
            if keys != last:
                rows = by_keys.setdefault(keys, _Rows())
                last = keys
            rows.messages.append(index)
            rows.values.extend(content.values())
        shapes: _Shapes = {(RecordKind.MESSAGE, keys): rows for keys, rows in by_keys.items()}
        for keys, rows in by_keys.items() if decoder.repeats is not None else ():
            _keep_first_values(decoder, keys, rows, payloads, out)
        for index, found in other:
            content = _with_first_values(decoder, found, index, payloads, out)
            _take_array(contract, index, content, shapes, out, (batch.topics[index], payloads[index]))
        return shapes

    def _collect_with_memory(
        self, decoder: MessageDecoder, messages: Sequence[int], batch: MessageBatch, out: Decoded
    ) -> _Shapes:
        """The same where a message is understood only with its topic and with those before it."""
        shapes: _Shapes = {}
        for index in messages:
            try:
                read = decoder.decode(batch.topics[index], batch.payloads[index], self.memory)
            except UndecodableError as error:
                out.rejected.append((index, undecodable(str(error), batch.topics[index], batch.payloads[index])))
                continue
            for record in read.records:
                _add(shapes, RecordKind.MESSAGE, record, index)
            out.rejected.extend((index, why) for why in read.rejected)
            if read.gap is not None:
                was, now = map(str, read.gap)
                out.drift.append(Drift(index, read.device, None, "sequence_gap", was, now))
        return shapes

    def _plan(self, number: int, kind: RecordKind, keys: Keys) -> RecordPlan:
        plan = self._plans.get((number, kind, keys))
        if plan is None:
            self._planned_fields += len(keys) + 1
            if self._planned_fields > _MAX_CACHED:
                self._plans.clear()
                self._planned_fields = len(keys) + 1
            plan = self._plans[number, kind, keys] = make_plan(self._contracts[number], keys, kind)
        return plan


def _collect_shaped(
    shaper: Shaper, decoder: PayloadDecoder, messages: Sequence[int], batch: MessageBatch, out: Decoded
) -> _Shapes:
    """The same where the contract says how a message is built."""
    shapes: _Shapes = {}
    for index in messages:
        try:
            content = decoder.careful(batch.payloads[index])
        except UndecodableError as error:
            out.rejected.append((index, undecodable(str(error), batch.topics[index], batch.payloads[index])))
            continue
        if decoder.repeats is not None:
            content = _with_first_values(decoder, content, index, batch.payloads, out)
        for found in shaper(content):
            if isinstance(found, dict):
                _add(shapes, RecordKind.MESSAGE, found, index)
            else:
                out.rejected.append((index, found))
    return shapes


def _keep_first_values(
    decoder: PayloadDecoder, keys: Keys, rows: _Rows, payloads: Sequence[bytes], out: Decoded
) -> None:
    """Where an object has a key twice, put the first value in place of the last, and refuse the others."""
    width, once, count = len(keys), decoder.no_key_twice, len(rows.messages)
    for start in range(0, count, _CHUNK):  # so that one message costs only those around it a look
        stop = min(start + _CHUNK, count)
        messages, values = rows.messages[start:stop], rows.values[start * width : stop * width]
        if once is None or not once([payloads[index] for index in messages], len(values), values):
            for place, index in enumerate(messages, start):
                found = rows.values[place * width : (place + 1) * width]
                content = dict(zip(keys, found, strict=True))
                first = _with_first_values(decoder, content, index, payloads, out)
                if first is not content and isinstance(first, dict):
                    rows.values[place * width : (place + 1) * width] = first.values()


def _with_first_values(
    decoder: PayloadDecoder, content: object, index: int, payloads: Sequence[bytes], out: Decoded
) -> object:
    """The content, with the first value of each key that an object has twice; the others are refused."""
    if decoder.repeats is None:
        return content
    try:
        found = decoder.repeats(payloads[index], keys_in([content]))
    except UndecodableError as error:
        out.rejected.append((index, rejected("undecodable", str(error))))
        return content
    if found is None:
        return content
    out.rejected.append((index, rejected("same_name", found[1], hint=REPEATED_HINT)))
    return found[0]


def _take_array(
    contract: Contract, index: int, content: object, shapes: _Shapes, out: Decoded, message: tuple[str, bytes]
) -> None:
    """Take each object of an array as a message, if the layout allows it; reject everything else."""
    is_taken = contract.layout in {"auto", "samples"} or isinstance(content, Records)
    if is_taken and is_senml(content) and "bn" not in roles_of(contract):
        out.rejected.append((index, not_an_object("the message is a SenML pack", content, *message)))
        return
    if not isinstance(content, list) or not is_taken:
        kind = "an array" if isinstance(content, list) else "a string" if isinstance(content, str) else "a bare value"
        out.rejected.append((index, not_an_object(f"the message is {kind}", content, *message)))
        return
    for number, element in enumerate(content):
        if isinstance(element, dict):
            _add(shapes, RecordKind.MESSAGE, element, index)
        elif isinstance(element, BadRecord):
            out.rejected.append((index, rejected("undecodable", element.reason)))
        else:
            out.rejected.append((index, rejected("not_an_object", f"element {number} of the array is not an object")))


def _add(shapes: _Shapes, kind: RecordKind, fields: dict[str, object], index: int) -> None:
    rows = shapes.setdefault((kind, tuple(fields)), _Rows())
    rows.messages.append(index)
    rows.values.extend(fields.values())


def _unfold(plan: RecordPlan, keys: Keys, group: Group, shapes: _Shapes, out: Decoded) -> Group:
    """Open the records that hold objects or samples, adding what they hold to `shapes`; returns the other records."""
    opened: set[int] = set()
    for number, column in enumerate(group.columns):
        kinds = set(map(type, column))
        if dict in kinds:
            opened.update(row for row, value in enumerate(column) if type(value) is dict)
        if list in kinds and number == plan.samples:
            opened.update(row for row, value in enumerate(column) if type(value) is list)
    for row in sorted(opened):
        unfolded = unfold(plan.contract, {key: column[row] for key, column in zip(keys, group.columns, strict=True)})
        message = group.messages[row]
        out.rejected.extend((message, why) for why in unfolded.rejected)
        for kind, fields in unfolded.records:
            _add(shapes, kind, fields, message)
    return group.pick([row for row in range(len(group.messages)) if row not in opened]) if opened else group


def _account_for_all(out: Decoded) -> None:
    """Reject messages without any reading or reject, so that every message has an outcome."""
    refused = {index for index, _ in out.rejected}
    index = out.has_reading.find(0)
    while index >= 0:
        if index not in refused:
            out.rejected.append((index, rejected("no_readings", "the message holds nothing to read")))
        index = out.has_reading.find(0, index + 1)
