"""Objects inside objects, and arrays of samples, to flat records whose fields are dotted paths."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sensor_platform.reading.contract import Contract
from sensor_platform.reading.model import Rejected
from sensor_platform.reading.names import fold
from sensor_platform.reading.plan import is_below, tags_path
from sensor_platform.reading.record_plan import RecordKind
from sensor_platform.reading.reject_rules import rejected

MAX_DEPTH = 16
"""Objects nested deeper than this are refused."""

Fields = dict[str, object]
_known_roles: dict[int, tuple[Contract, dict[str, str]]] = {}
"""Roles by the number of the contract, which is kept alive, so that no other has its number."""


@dataclass(slots=True)
class Unfolded:
    """Flat records of one message, and what could not be taken."""

    records: list[tuple[RecordKind, Fields]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def unfold(contract: Contract, content: Fields) -> Unfolded:
    """The flat records of one decoded object."""
    unfolded = Unfolded()
    if contract.layout in {"long", "wide"}:
        unfolded.records.append((RecordKind.MESSAGE, _open_named(contract, content, unfolded.rejected)))
        return unfolded
    flat, unfolded.rejected = flatten(content)
    name = fold(contract.samples)
    path = next((key for key, value in flat.items() if type(value) is list and fold(key) == name), None)
    if path is None or contract.layout == "nested":
        unfolded.records.append((RecordKind.MESSAGE, flat))
        return unfolded
    elements = flat.pop(path)
    assert isinstance(elements, list)
    _add_samples(contract, flat, elements, unfolded)
    return unfolded


def _add_samples(contract: Contract, outer: Fields, elements: list[object], unfolded: Unfolded) -> None:
    roles = roles_of(contract)
    if path := tags_path(contract):
        roles |= {fold(key): f"tag in {key}" for key in outer if is_below(fold(key), (fold(path),))}
    shared = {key: value for key, value in outer.items() if fold(key) in roles}
    if _measures(contract, outer, roles):
        unfolded.records.append((RecordKind.OUTER, outer))
    for number, element in enumerate(elements):
        if not isinstance(element, dict):
            reason = f"sample {number} is not an object"
            unfolded.rejected.append(rejected("not_an_object", reason))
            continue
        own, refused = flatten(element)
        unfolded.rejected.extend(refused)
        taken = {roles[name] for key in own if (name := fold(key)) in roles}
        record = {key: value for key, value in numbered(shared, roles, number) if roles[fold(key)] not in taken}
        unfolded.records.append((RecordKind.SAMPLE, record | own))


def _open_named(contract: Contract, content: Fields, refused: list[Rejected]) -> Fields:
    """The record of a layout that takes no objects, with those opened in which the contract looks for something."""
    heads = {name.partition(".")[0] for name in roles_of(contract) if "." in name}
    named = {key: value for key, value in content.items() if fold(key) in heads}
    opened, why = flatten(named)
    refused.extend(why)
    return {key: value for key, value in content.items() if key not in named} | opened


def _measures(contract: Contract, outer: Fields, roles: dict[str, str]) -> bool:
    """Whether an outer object holds more than what describes its samples."""
    ignored = tuple(fold(path) for path in contract.ignore)
    found: set[str] = set()
    for key, value in outer.items():
        role = roles.get(name := fold(key))
        if value is None or is_below(name, ignored):
            continue
        if role is None or role in found:
            return True
        found.add(role)
    return False


def numbered(shared: Fields, roles: dict[str, str], number: int) -> Iterator[tuple[str, object]]:
    """Outer fields for one sample. An outer message id becomes `id#number`: it names the message, not the sample."""
    for key, value in shared.items():
        is_id = roles[fold(key)] == "message_id" and isinstance(value, str | int)
        yield key, f"{value}#{number}" if is_id else value


def roles_of(contract: Contract) -> dict[str, str]:
    """Folded field name to role, of every field that a sample takes over from its outer object."""
    known = _known_roles.get(id(contract))
    if known is None or known[0] is not contract:
        if len(_known_roles) > 1_000:
            _known_roles.clear()
        known = _known_roles[id(contract)] = (contract, _find_roles(contract))
    return dict(known[1])


def _find_roles(contract: Contract) -> dict[str, str]:
    sources = {
        "device": contract.device,
        "message_id": contract.message_id,
        "metric": contract.metric,
        "value": contract.value,
        "unit": contract.unit,
        "quality": contract.quality,
    } | {f"tag {name}": source for name, source in contract.tags.items()}
    sources |= {f"series {name}": source for name, source in contract.series_sources.items()}
    roles = {
        fold(name): f"{role}{number or ''}"
        for role, source in reversed(sources.items())
        for number, choice in enumerate(source.choices)
        for name in choice
    }
    times = enumerate(reversed(contract.time.choices))
    return roles | {fold(name): f"time{number or ''}" for number, choice in times for name in choice}


def flatten(content: Fields, prefix: str = "", opened: AbstractSet[str] = frozenset()) -> tuple[Fields, list[Rejected]]:
    """Dotted paths and values of an object, and what could not be taken.

    Args:
        content: the object.
        prefix: of all paths.
        opened: folded paths of the arrays whose elements are fields by their number (`a.0`); an asterisk is for all.
    """
    flat: Fields = {}
    refused: list[Rejected] = []
    _fill(content, prefix, 1, flat, refused, opened)
    return flat, refused


def _fill(
    content: Fields, prefix: str, depth: int, flat: Fields, refused: list[Rejected], opened: AbstractSet[str]
) -> None:
    for key, value in content.items():
        path = prefix + key
        inner = value
        if opened and type(value) is list and ("*" in opened or fold(path) in opened):
            inner = {str(number): element for number, element in enumerate(value)}
        if type(inner) is not dict:
            if path in flat:
                refused.append(rejected("same_name", f"two values have the path {path[:80]!r}; the first is read"))
            else:
                flat[path] = value
        elif depth < MAX_DEPTH:
            _fill(inner, f"{path}.", depth + 1, flat, refused, opened)
        else:
            reason = f"{path[:80]!r} is nested deeper than {MAX_DEPTH} levels"
            refused.append(rejected("too_deep", reason))
