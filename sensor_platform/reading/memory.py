"""What decoding remembers from one segment to the next: births of Sparkplug nodes, kinds of values.

Changes are kept apart until the segment that made them is committed: `keep` them then, `forget` them where it failed
and is decoded again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

MAX_NODES = 50_000
"""Sparkplug nodes that are remembered; nobody may fill our memory with new names."""
MAX_KINDS = 500_000
"""Pairs of device and metric whose kinds are remembered."""


class MetricBirth(msgspec.Struct, frozen=True, array_like=True):
    """What a birth says of one metric."""

    name: str
    datatype: int
    unit: str | None = None


class NodeState(msgspec.Struct, frozen=True):
    """One Sparkplug edge node. Never changed in place."""

    seq: int | None = None
    """Sequence number of its newest message, 0 to 255."""
    births: dict[str, dict[int, MetricBirth]] = {}
    """Device (empty for the node itself) to alias to metric. Metrics without an alias count down from -1."""


@dataclass(slots=True)
class Memory:
    """Lives as long as the decoder."""

    nodes: dict[str, NodeState] = field(default_factory=dict)
    """By `group/node`."""
    kinds: dict[tuple[str, str], int] = field(default_factory=dict)
    """(device, metric) to the bits of `drift.Kind` that were seen of it."""
    new_nodes: dict[str, NodeState] = field(default_factory=dict)
    new_kinds: dict[tuple[str, str], int] = field(default_factory=dict)
    rebirths: set[str] = field(default_factory=set)
    """Nodes that should be asked for their births."""

    def node(self, key: str) -> NodeState | None:
        """What is known of a node."""
        return self.new_nodes.get(key) or self.nodes.get(key)

    def set_node(self, key: str, state: NodeState) -> None:
        """Learn something of a node."""
        if key in self.nodes or len(self.nodes) + len(self.new_nodes) < MAX_NODES:
            self.new_nodes[key] = state

    def kinds_of(self, device: str, metric: str) -> int:
        """Kinds seen so far."""
        key = (device, metric)
        return self.new_kinds.get(key) or self.kinds.get(key, 0)

    def add_kinds(self, device: str, metric: str, kinds: int) -> None:
        """Learn kinds of a metric."""
        if len(self.kinds) + len(self.new_kinds) < MAX_KINDS:
            self.new_kinds[device, metric] = kinds

    def keep(self) -> None:
        """The segment is committed: what it taught is known."""
        self.nodes.update(self.new_nodes)
        self.kinds.update(self.new_kinds)
        self.forget()

    def forget(self) -> None:
        """Take back what was learnt since the last `keep`."""
        self.new_nodes.clear()
        self.new_kinds.clear()
        self.rebirths.clear()

    def changed_nodes(self) -> Iterator[tuple[str, bytes]]:
        """What to save of nodes: key and JSON."""
        for key, state in self.new_nodes.items():
            yield key, msgspec.json.encode(state)


def load_nodes(saved: Mapping[str, bytes]) -> dict[str, NodeState]:
    """The reverse of `changed_nodes`; what cannot be read is not known (and asked for again)."""
    nodes: dict[str, NodeState] = {}
    for key, content in saved.items():
        try:
            nodes[key] = msgspec.json.decode(content, type=NodeState)
        except msgspec.DecodeError:
            continue
    return nodes
