"""The page on contracts says what the code does."""

import re
from pathlib import Path

import msgspec
import yaml

from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract
from sensor_platform.reading.rules import HINTS

PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text()


def test_every_rule_is_documented_and_no_other() -> None:
    assert re.findall(r"^\| `([a-z_]+)` \| \w", PAGE, re.MULTILINE) == list(HINTS)


def test_the_example_is_a_contract() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    contract = msgspec.convert(yaml.safe_load(text), Contract)
    assert contract.tags["site"].topic_level == 1


def test_the_default_names_are_documented_in_their_order() -> None:
    for source in (DEFAULT_CONTRACT.device, DEFAULT_CONTRACT.time, DEFAULT_CONTRACT.message_id):
        *most, last = (f"`{name}`" for name in source.field)
        assert f"{', '.join(most)} or {last}" in PAGE


def test_every_layout_is_documented() -> None:
    for layout in ("auto", "wide", "long", "nested", "samples"):
        assert f"- **{layout}**" in PAGE
