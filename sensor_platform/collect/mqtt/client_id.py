"""The MQTT client id of a collector: random, made once, kept in the data folder and moved with it.

The broker keeps the session, with all that is queued for it, under this id.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from sensor_platform.collect.mqtt.session_record import SessionRecord
from sensor_platform.kernel.durable import write_file

_RANDOM_BYTES = 6


def client_id_of(wal: Path, collector: str) -> str:
    """The id of a collector of this data folder; made and kept where there is none.

    A data folder of an earlier version, which had the id only in its session record, keeps that one.

    Raises:
        OSError: the folder cannot be read or written.
    """
    path = client_id_path(wal, collector)
    with contextlib.suppress(FileNotFoundError):
        if known := path.read_text().strip():
            return known
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
        record = msgspec.json.decode((wal / f"{collector}.session").read_bytes(), type=SessionRecord)
        if record.client_id:
            write_file(path, record.client_id.encode())
            return record.client_id
    return new_client_id(wal, collector)


def new_client_id(wal: Path, collector: str) -> str:
    """Take another id, for a copy of a data folder. What the broker holds for the old one stays there.

    Raises:
        OSError: the folder cannot be written.
    """
    made = f"sensor-platform-{collector}-{os.urandom(_RANDOM_BYTES).hex()}"
    write_file(client_id_path(wal, collector), made.encode())
    return made


def client_id_path(wal: Path, collector: str) -> Path:
    """The file that holds the id of a collector."""
    return wal / f"{collector}.client"
