"""What a source of messages is: the protocol that MQTT and Kafka implement, and what the collector gives to it.

The table of sources is in `collect.config`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast, runtime_checkable

from sensor_platform.collect.collector_status import CollectorStatus, State
from sensor_platform.collect.config import SOURCES, Broker, CollectConfig, SourceKind
from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.wal import Header, WalWriter


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source works with. Segments that an earlier process left are recovered before it is made."""

    config: CollectConfig
    home: Home
    wal: WalWriter
    status: CollectorStatus
    """The source sets `broker`, `client_id`, `session` and `problem`, and adds to the counters."""
    announce: Callable[[], None]
    """To be called when messages can arrive for the first time: the collector is then ready."""
    broker: Broker
    """The MQTT broker of the settings."""
    logins: Mapping[str, tuple[str, str]]
    """User and password by source, from SENSOR_PLATFORM_<SOURCE>_USERNAME and _PASSWORD."""
    wake_fd: int
    """Readable when a signal has arrived; a source that waits in `select` includes it."""


class Source(Protocol):
    """One source of messages, driven by one thread. It connects in its first turn, not when it is made.

    The order that nothing may change: `wal.add`, `wal.commit`, and only then the acknowledgement. Where `wal.commit`
    raises OSError the source keeps its messages, reads no more, and commits again in a later turn.
    """

    @property
    def state(self) -> State:
        """`connecting`, `connected`, or `stalled` while the disk refuses a commit."""

    def header(self, name: str) -> Header:
        """Header of a new segment."""

    def turn(self) -> None:
        """Wait for messages, at most about 0.25 s, and write, commit and acknowledge them.

        Raises:
            PlatformError: the collector must end, because waiting cannot help: a login is wrong, for instance.
        """

    def tick(self) -> None:
        """Periodic work, four times a second: keep-alive, answers that are missing."""

    def prepare_seal(self) -> bool:
        """Commit what waits and save what must be known without the open segment. False: the segment must stay open."""

    def close(self) -> None:
        """Commit and acknowledge what was read, and disconnect. The last call but `prepare_seal`."""


@runtime_checkable
class Reconfigurable(Source, Protocol):
    """A source that takes some changes of its settings without a new connection.

    Optional: any other source is closed, and a new one is opened, which continues the same session.
    """

    def reconfigure(self, config: CollectConfig) -> bool:
        """Begin to work by other settings; False if this needs a new source."""

    def reconfigured(self) -> bool | PlatformError:
        """Whether the change is complete; the reason where it was refused, and the settings before it are in force."""


OpenSource = Callable[[SourceContext], Source]
"""Usually the class. Raises WrongUse where settings are wrong, OSError where the home cannot be read."""


def choose_source(config: CollectConfig, sources: tuple[SourceKind, ...] = SOURCES) -> OpenSource:
    """The source that the settings ask for, ready to be given to a collector."""
    entry = next(entry for entry in sources if entry.is_chosen(config))
    module, _, name = entry.target.partition(":")
    return cast("OpenSource", getattr(import_module(module), name))
