"""Starts a broker of our own on 127.0.0.1, for demo and tests: mosquitto with the shipped settings, or amqtt."""

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

from sensor_platform.collect.child_process import ChildProcess, Command
from sensor_platform.errors import Unreachable, WrongUse

Kind = Literal["auto", "mosquitto", "amqtt"]

SHIPPED_CONFIG = Path(__file__).parents[2] / "deploy" / "mosquitto.conf"
_OWN_KEYS = ("listener", "port", "persistence_location", "log_dest", "pid_file", "user", "password_file", "include_dir",
             "acl_file", "allow_anonymous", "protocol", "websockets_log_level")  # fmt: skip
_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class LocalBroker:
    """A running broker."""

    url: str
    kind: Literal["mosquitto", "amqtt"]
    protocol: Literal["5", "3.1.1"]
    """The newest protocol that it speaks."""
    process: ChildProcess
    is_relaxed: bool = False

    @property
    def note(self) -> str:
        """What a person should know about it."""
        if self.kind == "mosquitto" and self.is_relaxed:
            return "mosquitto with the shipped settings, but saving its queue once a second, for speed"
        if self.kind == "mosquitto":
            return "mosquitto with the shipped settings: queues and sessions survive a restart"
        return "embedded amqtt, demo only, not durable: it loses queued messages when it stops (mosquitto does not)"


@contextlib.contextmanager
def local_broker(
    folder: Path,
    port: int | None = None,
    kind: Kind = "auto",
    *,
    is_relaxed: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Iterator[LocalBroker]:
    """Run a broker while the context lasts; `folder` holds its configuration, state and log.

    `auto` is mosquitto where it is on PATH, else amqtt. Without `port` a free one is taken. A relaxed mosquitto saves
    its queue every second instead of at every change: it takes tens of times as many messages a second (each save
    writes the whole queue), and would lose up to a second of them if it were killed.

    Raises:
        Unreachable: it did not start; the end of its log is in the message.
        WrongUse: `mosquitto` was asked for and is not installed.
    """
    number = port or free_port()
    binary = shutil.which("mosquitto") if kind != "amqtt" else None
    if kind == "mosquitto" and binary is None:
        raise WrongUse("mosquitto is not on PATH", "install it (apt install mosquitto), or use the embedded broker")
    folder.mkdir(parents=True, exist_ok=True)
    if binary:
        config = folder / "mosquitto.conf"
        text = mosquitto_config(SHIPPED_CONFIG.read_text("utf-8"), number, folder, is_relaxed=is_relaxed)
        config.write_text(text, "utf-8")
        argv = [binary, "-c", str(config)]
    else:
        argv = [sys.executable, "-m", "sensor_platform.collect.broker_embedded", str(number)]
    name = "mosquitto" if binary else "amqtt"
    with ChildProcess(Command(name, argv, folder / f"{name}.log", environ)) as process:
        _wait_for_port(process, number)
        url = f"mqtt://127.0.0.1:{number}"
        yield (
            LocalBroker(url, "mosquitto", "5", process, is_relaxed)
            if binary
            else LocalBroker(url, "amqtt", "3.1.1", process)
        )


def mosquitto_config(shipped: str, port: int, folder: Path, *, is_relaxed: bool = False) -> str:
    """The shipped configuration with its address, folders and login replaced by local ones, and saving as asked."""
    kept = [line for line in shipped.splitlines() if line.split(maxsplit=1)[:1] and line.split()[0] not in _OWN_KEYS]
    own = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        f"persistence_location {folder.resolve()}/",
        "log_dest stdout",
        f"user {pwd.getpwuid(os.getuid()).pw_name}",  # started by root it would become one who may not write the folder
    ]
    if is_relaxed:
        own.append("autosave_on_changes false")  # the last one wins; autosave_interval means seconds then
    return "\n".join([*(line for line in kept if not line.startswith("#")), *own, ""])


def free_port(preferred: int | None = None) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on: `preferred` if it is free."""
    for port in (preferred, 0) if preferred else (0,):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            number = probe.getsockname()[1]
            assert isinstance(number, int)
            return number
    raise Unreachable("no free port on 127.0.0.1", "end some of the programs that listen there")


def _wait_for_port(process: ChildProcess, port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        process.require_running()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            process.require_running()  # else it may be another program's port
            return
        time.sleep(0.05)
    raise Unreachable(f"{process.command.name} does not listen on port {port}", f"see {process.command.log}")
