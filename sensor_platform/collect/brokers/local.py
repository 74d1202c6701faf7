"""Starts a broker on 127.0.0.1, for demo and tests: mosquitto with the shipped settings, or amqtt."""

import contextlib
import os
import pwd
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sensor_platform.collect.child_process import ChildCommand, ChildProcess
from sensor_platform.errors import Unreachable, WrongUse

BrokerKind = Literal["auto", "mosquitto", "amqtt"]

SHIPPED_CONFIG = Path(__file__).parents[3] / "deploy" / "mosquitto.conf"
_OWN_KEYS = ("listener", "port", "persistence_location", "log_dest", "pid_file", "user", "password_file", "include_dir",
             "acl_file", "allow_anonymous", "protocol", "websockets_log_level")  # fmt: skip
_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class LocalBroker:
    """A running broker."""

    url: str
    kind: Literal["mosquitto", "amqtt"]
    protocol: Literal["5", "3.1.1"]
    """The newest protocol that it supports."""
    process: ChildProcess

    @property
    def note(self) -> str:
        """A line about its durability, for the user."""
        if self.kind == "mosquitto":
            return "mosquitto with the shipped settings: queues and sessions survive a restart"
        return "embedded amqtt, demo only, not durable: it loses queued messages when it stops (mosquitto does not)"


@contextlib.contextmanager
def local_broker(
    folder: Path,
    port: int | None = None,
    kind: BrokerKind = "auto",
    *,
    environ: Mapping[str, str] | None = None,
) -> Iterator[LocalBroker]:
    """Run a broker while the context lasts; `folder` holds its configuration, state and log.

    `auto` is mosquitto if it is on PATH, otherwise amqtt. Without `port` a free one is used.

    Raises:
        Unreachable: the port is in use, or the broker did not start; the message contains the end of its log.
        WrongUse: `kind` is `mosquitto`, which is not installed.
    """
    number = port or free_port()
    _require_free(number)
    binary = shutil.which("mosquitto") if kind != "amqtt" else None
    if kind == "mosquitto" and binary is None:
        raise WrongUse("mosquitto is not on PATH", "install it (apt install mosquitto), or use the embedded broker")
    folder.mkdir(parents=True, exist_ok=True)
    if binary:
        config = folder / "mosquitto.conf"
        text = mosquitto_config(SHIPPED_CONFIG.read_text("utf-8"), number, folder)
        config.write_text(text, "utf-8")
        argv = [binary, "-c", str(config)]
    else:
        argv = [sys.executable, "-m", "sensor_platform.collect.brokers.embedded", str(number)]
    name = "mosquitto" if binary else "amqtt"
    with ChildProcess(ChildCommand(name, argv, folder / f"{name}.log", environ)) as process:
        _wait_for_port(process, number)
        url = f"mqtt://127.0.0.1:{number}"
        yield (LocalBroker(url, "mosquitto", "5", process) if binary else LocalBroker(url, "amqtt", "3.1.1", process))


def mosquitto_config(shipped: str, port: int, folder: Path) -> str:
    """The shipped configuration with a local address, folders and login; its guarantees stay."""
    kept = [line for line in shipped.splitlines() if line.split(maxsplit=1)[:1] and line.split()[0] not in _OWN_KEYS]
    own = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        f"persistence_location {folder.resolve()}/",
        "log_dest stdout",
        f"user {pwd.getpwuid(os.getuid()).pw_name}",  # root would become a user that may not write here
    ]
    return "\n".join([*(line for line in kept if not line.startswith("#")), *own, ""])


def free_port(preferred: int | None = None) -> int:
    """A free TCP port of 127.0.0.1: `preferred` if it is free."""
    if preferred and _bind(preferred):
        return preferred
    return _bind(0)


def _bind(port: int) -> int:
    """The port that could be bound, or 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])


def _require_free(port: int) -> None:
    if not _bind(port):
        raise Unreachable(
            f"port {port} of 127.0.0.1 is in use", "stop the program that listens there, or use another one"
        )


def _wait_for_port(process: ChildProcess, port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        process.require_running()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            process.require_running()  # else it may be another program's port
            return
        time.sleep(0.05)
    raise Unreachable(f"{process.command.name} does not listen on port {port}", f"see {process.command.log}")
