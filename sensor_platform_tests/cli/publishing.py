"""A publisher without a broker."""

from typing import Self

from sensor_platform.collect.config import Broker
from sensor_platform.devices.publisher import PublisherOptions


class Published:
    """Takes messages as a publisher does, and has all but some of them acknowledged."""

    def __init__(self, unacknowledged: int = 0) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.options = PublisherOptions()
        self._unacknowledged = unacknowledged

    def __call__(self, _broker: Broker, options: PublisherOptions) -> Self:
        self.options = options
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def sent(self) -> int:
        return len(self.messages)

    @property
    def acknowledged(self) -> int:
        return len(self.messages) - self._unacknowledged

    def publish(self, topic: str, payload: bytes) -> None:
        self.messages.append((topic, payload))

    def pump(self, seconds: float) -> None:
        """Time does not matter here."""

    def drain(self) -> bool:
        return not self._unacknowledged
