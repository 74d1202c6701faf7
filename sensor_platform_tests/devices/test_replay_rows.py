from datetime import UTC, datetime, timedelta, timezone
from math import inf, nan

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensor_platform.devices.replay_rows import (
    Cell,
    Message,
    ReplayPlan,
    RowEncoder,
    between,
    escape_level,
    paced,
    parse_zone,
    shift_to,
    topic_of,
)
from sensor_platform.errors import WrongUse

CHINA = timezone(timedelta(hours=8))
AT = datetime(2016, 2, 29, 23)  # noqa: DTZ001 - a device's naive clock
PLAN = ReplayPlan(device_column="station", time_column="ts", zone=CHINA)
ROW: dict[str, Cell] = {"station": "Wanliu", "ts": AT, "TEMP": -2.7, "CO": 700, "wd": "W", "on": True}


def one(row: dict[str, Cell], plan: ReplayPlan = PLAN) -> tuple[datetime | None, str, dict[str, Cell]]:
    ((at, topic, payload),) = RowEncoder(plan).messages([row])
    return at, topic, orjson.loads(payload)


def test_a_row_becomes_one_wide_message_with_device_time_and_sequence() -> None:
    at, topic, body = one(ROW)
    assert at == datetime(2016, 2, 29, 15, tzinfo=UTC)
    assert topic == "sensors/Wanliu"
    assert body == {
        "device_id": "Wanliu",
        "seq": 1,
        "timestamp": "2016-02-29T23:00:00+08:00",
        "TEMP": -2.7,
        "CO": 700,
        "wd": "W",
        "on": True,
    }


@pytest.mark.parametrize("missing", [None, nan, inf, -inf])
def test_what_has_no_value_is_left_out(missing: float | None) -> None:
    assert "TEMP" not in one(ROW | {"TEMP": missing})[2]


@pytest.mark.parametrize("zero", [0, 0.0, False, ""])
def test_zero_false_and_empty_text_are_values(zero: Cell) -> None:
    assert one(ROW | {"TEMP": zero})[2]["TEMP"] == zero


def test_a_naive_clock_is_sent_naive_and_means_the_same_instant() -> None:
    plan = ReplayPlan(device_column="station", time_column="ts", zone=CHINA, naive_time=True)
    at, _, body = one(ROW, plan)
    assert at == datetime(2016, 2, 29, 15, tzinfo=UTC)
    assert body["timestamp"] == "2016-02-29T23:00:00"


def test_a_shift_moves_the_instant_and_the_text_alike() -> None:
    plan = ReplayPlan(device_column="station", time_column="ts", zone=CHINA, shift=timedelta(hours=25))
    at, _, body = one(ROW, plan)
    assert at == datetime(2016, 3, 1, 16, tzinfo=UTC)
    assert body["timestamp"] == "2016-03-02T00:00:00+08:00"


def test_names_of_the_file_are_kept_on_request() -> None:
    body = one(ROW, ReplayPlan(device_column="station", time_column="ts", keep_names=True))[2]
    assert (body["station"], body["ts"]) == ("Wanliu", "2016-02-29T23:00:00Z")
    assert "device_id" not in body
    assert "timestamp" not in body


def test_a_column_never_replaces_device_time_or_sequence() -> None:
    body = one(ROW | {"seq": 77, "device_id": "other", "timestamp": "never"})[2]
    assert (body["device_id"], body["seq"], body["timestamp"]) == ("Wanliu", 1, "2016-02-29T23:00:00+08:00")


def test_the_sequence_grows_per_device_over_all_batches() -> None:
    rows = RowEncoder(PLAN)
    first = list(rows.messages([ROW, ROW | {"station": "Dingling"}]))
    second = list(rows.messages([ROW]))
    assert [orjson.loads(message[2])["seq"] for message in first + second] == [1, 1, 2]


def test_a_file_without_device_or_time_still_replays() -> None:
    at, topic, body = one({"x": 1}, ReplayPlan(device="press-7"))
    assert (at, topic, body) == (None, "sensors/press-7", {"device_id": "press-7", "seq": 1, "x": 1})


@given(st.text(min_size=1))
@example("%2B")
@example("a/b+c#d\0e%")
def test_any_name_is_one_topic_level_that_can_be_read_back(name: str) -> None:
    level = escape_level(name)
    assert not set("+#/\0") & set(level)
    back = level
    for code, character in (("%2B", "+"), ("%23", "#"), ("%2F", "/"), ("%00", "\0"), ("%25", "%")):
        back = back.replace(code, character)
    assert back == name


@given(st.lists(st.text(max_size=8), min_size=2, max_size=20, unique=True))
@example(["+", "%2B"])
def test_different_names_never_share_a_level(names: list[str]) -> None:
    named = [name for name in names if name != "\0"]  # the empty name is written as NUL would be
    assert len({escape_level(name) for name in named}) == len(named)


@pytest.mark.parametrize(
    ("template", "topic"),
    [
        ("sensors/{device}", "sensors/a%2Fb"),
        ("plant/{line}/{device}/data", "plant/4%2B/a%2Fb/data"),
        ("fixed", "fixed"),
        ("{line}{line}", "4%2B4%2B"),
    ],
)
def test_a_topic_template_takes_device_and_columns_escaped(template: str, topic: str) -> None:
    assert topic_of(template, {"line": "4+"}, "a/b") == topic


def test_a_template_with_an_unknown_column_is_wrong_use_naming_the_columns() -> None:
    with pytest.raises(WrongUse, match=r"\{plant\}") as caught:
        topic_of("x/{plant}", {"line": 1, "ts": None}, "d")
    assert "line, ts" in caught.value.hint


def test_values_are_not_expanded_as_templates() -> None:
    assert topic_of("x/{device}", {"secret": "s"}, "{secret}") == "x/{secret}"


@given(
    now=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    newest=st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001
)
def test_the_shift_is_whole_hours_and_brings_the_last_row_within_the_last_hour(now: datetime, newest: datetime) -> None:
    shift = shift_to(now.replace(tzinfo=UTC), newest.replace(tzinfo=UTC))
    assert shift % timedelta(hours=1) == timedelta(0)
    age = now - (newest + shift)
    assert timedelta(0) <= age < timedelta(hours=1)


@pytest.mark.parametrize(
    ("name", "hours"), [("+08:00", 8), ("-0330", -3.5), ("Asia/Shanghai", 8), ("UTC", 0), ("+00:00", 0)]
)
def test_a_zone_is_an_iana_name_or_an_offset(name: str, hours: float) -> None:
    assert datetime(2016, 2, 1, tzinfo=parse_zone(name)).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize("name", ["Mars/Phobos", "8", "", "../etc/passwd", "+99:00"])
def test_an_unknown_zone_is_wrong_use(name: str) -> None:
    with pytest.raises(WrongUse, match="unknown time zone"):
        parse_zone(name)


def at(minute: int | None) -> Message:
    return (None if minute is None else datetime(2026, 1, 1, 0, minute, tzinfo=UTC), f"t/{minute}", b"{}")


def test_a_range_takes_its_start_and_not_its_end() -> None:
    messages = [at(1), at(2), at(3), at(None)]
    found = [topic for _, topic, _ in between(messages, at(2)[0], at(3)[0])]
    assert found == ["t/2", "t/None"]
    assert list(between(messages, None, None)) == messages


def test_two_ranges_of_one_file_join_without_a_gap_in_the_sequence() -> None:
    rows = [ROW | {"ts": AT + timedelta(hours=hour)} for hour in range(4)]
    border = (AT + timedelta(hours=2)).replace(tzinfo=CHINA)
    early = between(RowEncoder(PLAN).messages(rows), None, border)
    late = between(RowEncoder(PLAN).messages(rows), border, None)
    assert [orjson.loads(message[2])["seq"] for part in (early, late) for message in part] == [1, 2, 3, 4]


def test_speed_divides_the_time_between_rows() -> None:
    offsets = [message.offset for message in paced([at(0), at(1), at(3)], 60.0)]
    assert offsets == [0.0, 1.0, 3.0]


def test_rows_without_a_time_or_out_of_order_are_due_with_the_one_before() -> None:
    offsets = [message.offset for message in paced([at(None), at(0), at(2), at(1), at(None), at(3)], 60.0)]
    assert offsets == [0.0, 0.0, 2.0, 2.0, 2.0, 3.0]


def test_full_speed_has_no_schedule() -> None:
    assert {message.offset for message in paced([at(0), at(9)], None)} == {0.0}
