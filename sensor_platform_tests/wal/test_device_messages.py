"""Messages of the lander to devices."""

from sensor_platform.home import Home
from sensor_platform.wal.device_messages import DeviceOutbox, outbox_folder, take_device_messages
from sensor_platform_tests.landing.homes import T0

SEGMENT = "col-1772366400000-00000001"


def topics(home: Home) -> list[str]:
    return sorted(message.topic for message in take_device_messages(home.wal, "col"))


def test_nodes_are_asked_by_the_collector_of_the_segment_and_each_message_is_taken_once(home: Home) -> None:
    DeviceOutbox(home, lambda: T0).ask(SEGMENT, {"plant/n1", "plant/n2"})
    assert list(take_device_messages(home.wal, "other")) == []
    assert topics(home) == ["spBv1.0/plant/NCMD/n1", "spBv1.0/plant/NCMD/n2"]
    assert topics(home) == []


def test_a_node_is_asked_again_after_a_minute(home: Home) -> None:
    times = iter([T0, T0 + 59_000_000, T0 + 60_000_000])
    outbox = DeviceOutbox(home, lambda: next(times))
    asked = []
    for _ in range(3):
        outbox.ask(SEGMENT, ["plant/n1"])
        asked.append(len(topics(home)))
    assert asked == [1, 0, 1]


def test_no_more_than_a_hundred_wait_and_damaged_ones_are_passed_over(home: Home) -> None:
    outbox = DeviceOutbox(home, lambda: T0)
    outbox.ask(SEGMENT, [f"plant/{number}" for number in range(150)])
    outbox.ask("import-1", ["plant/x"])
    folder = outbox_folder(home.wal, "col")
    files = sorted(folder.glob("*"))
    assert len(files) == 100
    files[0].write_bytes(b"{")
    assert len(topics(home)) == 99
    assert list(folder.glob("*")) == []
