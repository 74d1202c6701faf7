"""Checks at every start, on a loopback socket, that the installed paho works with the bulk read path."""

import socket
from contextlib import closing

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform.collect.mqtt.packets import PacketRun
from sensor_platform.collect.mqtt.read_paths import BulkReadPath

_CONNACK = b"\x20\x02\x00\x00"
_PUBLISH = b"\x32\x08\x00\x01t\x00\x07abc"
_PINGRESP = b"\xd0\x00"
_PUBACK = b"\x40\x02\x00\x07"
_SECONDS = 2.0


class _Witness:
    """Records what the read path passes on; stands in for the frame encoder."""

    def __init__(self) -> None:
        self.taken = b""

    def take(self, raw: bytes, run: PacketRun, level: int) -> None:
        del run, level
        self.taken += raw


def why_no_bulk_reading() -> str | None:
    """None where bulk reading works with the installed paho, otherwise what is different."""
    try:
        return _try()
    except Exception as error:  # noqa: BLE001 - private names of a library may fail in any way; paho then reads by itself
        return f"{type(error).__name__}: {error}"


def _try() -> str | None:
    seen: list[str] = []
    witness = _Witness()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="selftest", protocol=mqtt.MQTTv311, manual_ack=True)
    client.on_connect = lambda *_: seen.append("connected")
    client.on_message = lambda *_: seen.append("message")
    read_path = BulkReadPath(client, witness, 4)  # type: ignore[arg-type]  # has the one method that it uses
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        client.connect("127.0.0.1", server.getsockname()[1])
        with closing(server.accept()[0]) as peer:
            peer.settimeout(_SECONDS)
            if peer.recv(4096)[:1] != b"\x10":
                return "CONNECT did not leave through the wrapped socket"
            peer.sendall(_CONNACK + _PUBLISH + _PINGRESP)
            assert client.socket() is not None
            while len(witness.taken) < len(_PUBLISH) and read_path.read():
                pass
            read_path.reply(_PUBACK)
            is_answered = peer.recv(4096) == _PUBACK
            client.disconnect()
    if seen != ["connected"]:
        return f"paho saw {seen} instead of the CONNACK only"
    if witness.taken != _PUBLISH or not is_answered:
        return "messages do not pass beside paho"
    return None
