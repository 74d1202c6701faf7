"""State of decoding from one segment to the next: births of Sparkplug nodes, kinds of values.

Changes are held separately until their segment is committed: then `keep` them, or `forget` them if it failed and is
decoded again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

MAX_NODES = 50_000
"""Maximum number of Sparkplug nodes, so that senders cannot fill the memory with new names."""
MAX_KINDS = 500_000
"""Maximum number of pairs of device and metric."""


class MetricBirth(msgspec.Struct, frozen=True, array_like=True):
    """One metric as its birth declares it."""

    name: str
    datatype: int
    unit: str | None = None


class NodeState(msgspec.Struct, frozen=True):
    """State of one Sparkplug edge node. Immutable."""

    seq: int | None = None
    """Sequence number of its newest message, 0 to 255."""
    births: dict[str, dict[int, MetricBirth]] = {}
    """Device (empty for the node itself) to alias to metric. Metrics without an alias count down from -1."""
    session: int | None = None
    """`bdSeq` of its newest birth: a death with another number belongs to an earlier session."""
    alive: tuple[str, ...] | None = None
    """Devices that were born and have not died since; None where an earlier version did not keep them."""

    @property
    def living(self) -> tuple[str, ...]:
        """Devices that die with the node."""
        return tuple(device for device in self.births if device) if self.alive is None else self.alive


@dataclass(slots=True)
class Memory:
    """State of one decoder."""

    nodes: dict[str, NodeState] = field(default_factory=dict)
    """`group/node` to its state, of committed segments."""
    kinds: dict[tuple[str, str], int] = field(default_factory=dict)
    """(device, metric) to the bits of `ValueKind` that were seen, of committed segments."""
    new_nodes: dict[str, NodeState] = field(default_factory=dict)
    new_kinds: dict[tuple[str, str], int] = field(default_factory=dict)
    rebirths: set[str] = field(default_factory=set)
    """Nodes that should be asked for their births."""

    def node(self, key: str) -> NodeState | None:
        """The state of a node; None if it is not known."""
        return self.new_nodes.get(key) or self.nodes.get(key)

    def set_node(self, key: str, state: NodeState) -> None:
        """Set the state of a node, unless there are too many nodes."""
        if key in self.nodes or len(self.nodes) + len(self.new_nodes) < MAX_NODES:
            self.new_nodes[key] = state

    def kinds_of(self, device: str, metric: str) -> int:
        """Kinds of a metric that were seen so far, as bits."""
        key = (device, metric)
        return self.new_kinds.get(key) or self.kinds.get(key, 0)

    def add_kinds(self, device: str, metric: str, kinds: int) -> None:
        """Set the kinds of a metric, unless there are too many metrics."""
        if len(self.kinds) + len(self.new_kinds) < MAX_KINDS:
            self.new_kinds[device, metric] = kinds

    def keep(self) -> None:
        """Keep the changes of a committed segment."""
        self.nodes.update(self.new_nodes)
        self.kinds.update(self.new_kinds)
        self.forget()

    def forget(self) -> None:
        """Discard the changes since the last `keep`."""
        self.new_nodes.clear()
        self.new_kinds.clear()
        self.rebirths.clear()

    def changed_nodes(self) -> Iterator[tuple[str, bytes]]:
        """Changed nodes to save: key and JSON."""
        for key, state in self.new_nodes.items():
            yield key, msgspec.json.encode(state)


def load_nodes(saved: Mapping[str, bytes]) -> dict[str, NodeState]:
    """The reverse of `changed_nodes`. Unreadable nodes are left out, so that their births are requested again."""
    nodes: dict[str, NodeState] = {}
    for key, content in saved.items():
        try:
            nodes[key] = msgspec.json.decode(content, type=NodeState)
        except msgspec.DecodeError:
            continue
    return nodes
