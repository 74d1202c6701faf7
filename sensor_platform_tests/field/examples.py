"""The examples of docs/contract-library.md, made from the corpus: `python -m sensor_platform_tests.field.examples`."""

from collections.abc import Iterator
from pathlib import Path

from sensor_platform.contracts.library.shipped import read_shipped, shipped_names
from sensor_platform_tests.field.shapes import Expected, Shape, all_shapes

PAGE = Path(__file__).parents[2] / "docs" / "contract-library.md"
START = "## Examples\n"


def examples() -> str:
    """The section of the page: for each name a message and its readings, and the page that describes it."""
    return "\n".join([START, *(line for name in shipped_names() for line in _example(name, _first(name)))])


def _first(name: str) -> Shape:
    return next(shape for shape in all_shapes().values() if name in shape.use and shape.messages[0].readings)


def _example(name: str, shape: Shape) -> Iterator[str]:
    message = shape.messages[0]
    topics = ", ".join(f"`{topic}`" for topic in dict.fromkeys(each.topic for each in read_shipped(name)))
    yield f"### {name}\n\nTopics: {topics}. A message of `{message.topic}` ([documentation]({shape.source})):\n"
    yield f"```text\n{message.payload}\n```\n"
    yield "| device | metric | value | text | unit | time |\n|---|---|---|---|---|---|"
    for metric, each in message.expected():
        yield f"| {' | '.join(map(str, _cells(metric, each)))} |"
    yield ""


def _cells(metric: str, each: Expected) -> tuple[str, ...]:
    at = each.time.isoformat() if each.time else "arrival"
    value = "" if each.value is None else f"{each.value:.15g}"
    return (f"`{each.device}`", f"`{metric}`", value, each.text or "", each.unit or "", at)


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text.partition(START)[0] + examples(), encoding="utf-8")
