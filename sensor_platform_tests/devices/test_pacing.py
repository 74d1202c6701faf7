from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.devices.pacing import ScheduledMessage, send_on_schedule


@dataclass
class FakeWorld:
    """A clock that pumping moves on, and that each publication takes time from."""

    publish_seconds: float = 0.0
    stall_at: int = -1
    stall_seconds: float = 0.0
    now: float = 100.0
    sent_at: list[float] = field(default_factory=list)
    pumps: int = 0

    def clock(self) -> float:
        return self.now

    def publish(self, topic: str, payload: bytes) -> None:
        assert topic
        assert payload
        if len(self.sent_at) == self.stall_at:
            self.now += self.stall_seconds
        self.now += self.publish_seconds
        self.sent_at.append(self.now - 100.0)

    def pump(self, seconds: float) -> None:
        assert seconds > 0
        self.pumps += 1
        self.now += seconds


def every(interval: float, count: int) -> list[ScheduledMessage]:
    return [ScheduledMessage(number * interval, "t", b"x") for number in range(count)]


def test_a_slow_rate_is_kept_to_the_message() -> None:
    world = FakeWorld()
    took = send_on_schedule(every(0.5, 5), world, world.clock)
    assert world.sent_at == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert took == 2.0


def test_a_fast_rate_keeps_its_mean_and_leaves_in_groups() -> None:
    world = FakeWorld()
    messages = every(1 / 20_000, 20_000)
    took = send_on_schedule(messages, world, world.clock)
    assert abs(took - 1.0) < 0.01
    assert world.pumps < 600
    late = [sent - message.offset for sent, message in zip(world.sent_at, messages, strict=True)]
    assert max(late) < 0.0025


def test_a_stall_is_caught_up_with() -> None:
    world = FakeWorld(stall_at=10, stall_seconds=3.0)
    took = send_on_schedule(every(0.1, 101), world, world.clock)
    assert abs(took - 10.0) < 0.01
    assert abs(world.sent_at[10] - 4.0) < 0.01
    assert abs(world.sent_at[41] - 4.1) < 0.02


@given(
    gaps=st.lists(st.floats(0, 10, allow_subnormal=False), max_size=30),
    cost=st.floats(0, 0.5, allow_subnormal=False),
)
def test_nothing_leaves_early_and_everything_in_order(gaps: list[float], cost: float) -> None:
    messages, offset = [], 0.0
    for gap in gaps:
        offset += gap
        messages.append(ScheduledMessage(offset, "t", b"x"))
    world = FakeWorld(publish_seconds=cost)
    send_on_schedule(messages, world, world.clock)
    assert len(world.sent_at) == len(messages)
    assert world.sent_at == sorted(world.sent_at)
    for sent, message in zip(world.sent_at, messages, strict=True):
        assert sent >= message.offset - 1e-9


def test_a_pump_that_returns_early_is_called_again_until_the_message_is_due() -> None:
    @dataclass
    class ShortPump(FakeWorld):
        def pump(self, seconds: float) -> None:
            super().pump(min(seconds, 0.2))

    world = ShortPump()
    send_on_schedule(every(1.0, 3), world, world.clock)
    assert [round(at, 9) for at in world.sent_at] == [0.0, 1.0, 2.0]


def test_messages_are_taken_only_as_they_are_due() -> None:
    world = FakeWorld()
    taken_at = []

    def messages() -> object:
        for message in every(1.0, 3):
            taken_at.append(world.now - 100.0)
            yield message

    send_on_schedule(messages(), world, world.clock)  # type: ignore[arg-type]
    assert taken_at == [0.0, 0.0, 1.0]
