"""From an event to its notifications and commands: routes, templates, and names that must not become more than text."""

from typing import Any

import msgspec
import pytest

from sensor_platform.alert.compose import COMMANDS, messages_for, notification_of
from sensor_platform.alert.config import AlertConfig, Channel, Route, fill_variables
from sensor_platform.errors import WrongUse
from sensor_platform.stream.rules import LocalCommand, Threshold
from sensor_platform_tests.landing.homes import T0
from sensor_platform_tests.sinks.channels import RULE, event


def test_routes_choose_by_severity_and_tags_and_suppressed_events_tell_nobody() -> None:
    channels = {name: Channel(mqtt=name) for name in ("mail", "sms", "north")}
    routes = (
        Route(severity="critical", channels=("mail", "sms")),
        Route(severity="warning", channels=("mail",)),
        Route(tags={"plant": "N"}, channels=("north",)),
    )
    config = AlertConfig(rules=(RULE,), channels=channels, routes=routes)

    def told(tags: dict[str, str], **changes: Any) -> list[str]:
        made = event(**changes)
        return [each.channel for each in messages_for(made, notification_of(made, RULE, tags, "s"), RULE, config, T0)]

    assert told({}) == ["mail", "sms"]
    assert told({}, level=1) == ["mail"]
    assert told({"plant": "N"}, level=1) == ["mail", "north"]
    assert told({}, suppressed="maintenance") == []


def test_a_command_goes_out_even_when_nobody_is_told_but_never_to_a_topic_that_a_device_chose() -> None:
    rule = Threshold(
        name="hot",
        metric="temp",
        above=80.0,
        severity="critical",
        command=LocalCommand(topic="cmd/{device}/stop", payload="1", level="critical"),
    )
    config = AlertConfig(rules=(rule,))

    def commands(**changes: Any) -> list[str]:
        made = event(**changes)
        out = messages_for(made, notification_of(made, rule, {}, "s"), rule, config, T0)
        return [msgspec.json.decode(each.body)["topic"] for each in out if each.channel == COMMANDS]

    assert commands() == ["cmd/dev0/stop"]
    assert commands(suppressed="flapping") == ["cmd/dev0/stop"]
    assert commands(level=1) == []
    assert commands(kind="resolved") == []
    for name in ("../x", "a/b", "#", "+", "x\n"):
        assert commands(device_id=name) == []


def test_names_cannot_leave_their_place_in_templates_or_titles() -> None:
    rule = Threshold(name="hot", metric="m", above=1.0, message="{device} {value} {tag_plant} {limit}")
    said = notification_of(event(device_id="{rule.__class__}\x1b[31m" + "x" * 9999), rule, {"plant": "{0.x}"}, "s")
    assert said.title.startswith("{rule.__class__} [31m")
    assert len(said.title) < 600
    with pytest.raises(ValueError, match="unknown"):
        AlertConfig(rules=(Threshold(name="x", metric="m", above=1.0, message="{device.__class__}"),))


@pytest.mark.parametrize(
    ("template", "value", "said"),
    [
        ("{device} at {value:.1f} of {limit}", 99.04, "dev0 at 99.0 of above 80"),
        ("{value}", 1234.5, "1234.5"),
        ("{value:.1f} {tag_plant:>3}|{tag_none}|", None, "  P1||"),
    ],
)
def test_a_template_formats_the_value_as_the_number_that_it_is(template: str, value: float | None, said: str) -> None:
    rule = Threshold(name="hot", metric="temp", above=80.0, message=template)
    AlertConfig(rules=(rule,))
    assert notification_of(event(value=value), rule, {"plant": "P1"}, "site").title.strip() == said.strip()


@pytest.mark.parametrize("template", ["{device:.1f}", "{value:x}", "{value.real}", "{tag_}", "{", "{value:{at}}", "{}"])
def test_a_template_that_would_fail_once_an_alarm_fires_is_refused_when_it_is_read(template: str) -> None:
    with pytest.raises(ValueError, match="message of rule 'hot'"):
        AlertConfig(rules=(Threshold(name="hot", metric="temp", above=80.0, message=template),))


def test_secrets_come_from_the_environment_and_a_missing_one_is_named() -> None:
    assert fill_variables("json://${USER_X}@h", {"USER_X": "me"}) == "json://me@h"
    with pytest.raises(WrongUse, match="NOT_SET"):
        fill_variables("json://${NOT_SET}@h", {})
