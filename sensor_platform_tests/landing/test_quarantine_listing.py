"""The quarantine as a person sees it."""

from sensor_platform.home import Home
from sensor_platform.landing.quarantine.listing import chosen_rows, count_rules, read_quarantine, waiting
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment


def test_without_refusals_there_is_nothing(home: Home) -> None:
    assert (read_quarantine(home), waiting(home), count_rules(home)) == (None, (0, 0), [])
    assert chosen_rows(home, RowSelection()).is_empty()


def test_rows_of_all_files_are_chosen_and_counted_by_rule(home: Home) -> None:
    seal_segment(home, 1, [Message(b"\x00"), Message(b'{"id":"a","t":1,"h":NaN}')])
    seal_segment(home, 2, [Message(b"\x01", "plant/x")])
    land_all(home)
    assert waiting(home) == (2, 1)
    assert [(each.rule, each.messages, each.readings) for each in count_rules(home)] == [
        ("undecodable", 2, 0),
        ("not_a_number", 0, 1),
    ]
    assert chosen_rows(home, RowSelection(topic="plant/+"))["payload"].to_list() == [b"\x01"]
    every = read_quarantine(home)
    assert every is not None
    assert len(every.collect()) == 3
