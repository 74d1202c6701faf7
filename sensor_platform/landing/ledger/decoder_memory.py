"""The decoder's memory in the ledger: births of Sparkplug nodes, and kinds of values of each metric."""

import sqlite3
from collections.abc import Iterable

from sensor_platform.reading.memory import Memory, load_nodes


def load_memory(connection: sqlite3.Connection) -> Memory:
    """The decoder's memory as saved."""
    births = dict(connection.execute("select node, content from births").fetchall())
    kinds = connection.execute("select device_id, metric, kinds from kinds")
    return Memory(load_nodes(births), {(device, metric): seen for device, metric, seen in kinds})


def save_births(connection: sqlite3.Connection, memory: Memory) -> None:
    """Save the nodes that changed, in the caller's transaction."""
    connection.executemany("insert or replace into births (node, content) values (?, ?)", list(memory.changed_nodes()))


def add_kinds(connection: sqlite3.Connection, kinds: Iterable[tuple[str, str, int]]) -> None:
    """Add kinds of values, by device and metric, to the known ones, in the caller's transaction."""
    connection.executemany(
        "insert into kinds (device_id, metric, kinds) values (?, ?, ?)"
        " on conflict do update set kinds = kinds | excluded.kinds",
        kinds,
    )
