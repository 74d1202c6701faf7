"""What decoding remembers, and when."""

import msgspec
import pytest

from sensor_platform.reading import memory as module
from sensor_platform.reading.memory import Memory, MetricBirth, NodeState, load_nodes

STATE = NodeState(7, {"": {1: MetricBirth("t", 10, "degC")}})


def test_what_was_learnt_is_known_at_once_and_forgotten_unless_it_is_kept() -> None:
    memory = Memory()
    memory.set_node("g/n", STATE)
    memory.add_kinds("dev", "t", 4)
    memory.rebirths.add("g/x")
    assert (memory.node("g/n"), memory.kinds_of("dev", "t")) == (STATE, 4)
    memory.forget()
    assert (memory.node("g/n"), memory.kinds_of("dev", "t"), memory.rebirths) == (None, 0, set())


def test_what_is_kept_stays_and_is_no_change_any_more() -> None:
    memory = Memory()
    memory.set_node("g/n", STATE)
    memory.add_kinds("dev", "t", 4)
    saved = dict(memory.changed_nodes())
    memory.keep()
    memory.forget()
    assert (memory.node("g/n"), memory.kinds_of("dev", "t")) == (STATE, 4)
    assert list(memory.changed_nodes()) == []
    assert load_nodes(saved) == {"g/n": STATE}


def test_what_was_saved_and_cannot_be_read_is_not_known() -> None:
    assert load_nodes({"a": b"{", "b": msgspec.json.encode(STATE)}) == {"b": STATE}


def test_memory_is_bounded_but_known_nodes_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NODES", 1)
    monkeypatch.setattr(module, "MAX_KINDS", 1)
    memory = Memory()
    for name in ("first", "second"):
        memory.set_node(name, NodeState(0))
        memory.add_kinds(name, "t", 1)
    memory.keep()
    memory.set_node("first", STATE)
    assert (memory.node("first"), memory.node("second"), memory.kinds_of("second", "t")) == (STATE, None, 0)
