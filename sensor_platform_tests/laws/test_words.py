"""Words and forms that made the texts of the code hard to read stay out of docstrings, comments and messages."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "sensor_platform"
MODULES = sorted(PACKAGE.rglob("*.py"))
_WORDS = {
    r"(?<!there )\b(?:is|are|was|were) no (?!longer\b|(?:more|less|later|earlier) than\b|and yes\b)": "is not a",
    r"\b(?:is|was|be) told\b|\btold apart\b|\buntil told\b": "use what happens: is given, is configured, distinguish",
    r"\banew\b": "again, or rebuild",
    r"\bwhat came of\b": "result",
    r"\bsays so\b|\bnews\b": "name the state or the event",
    r"\bbur(?:y|ies|ied)\b|\bcrown\w*|\bthaw\w*|\bbreath\b(?!_)|\bin its midst\b": "use the technical term",
    r"\bfor so long\b|\bso many\b(?! that)": "give the limit its name",
}
_TEXTS = {tokenize.COMMENT, tokenize.STRING}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_texts_are_plain_technical_english(path: Path) -> None:
    found = [
        f"line {line}: {match[0]!r}: {advice}"
        for line, text in _texts(path)
        for pattern, advice in _WORDS.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_docstring_is_a_statement_of_its_own(path: Path) -> None:
    """Not a phrase that begins with `Of`, and not half of the sentence of the attribute before it."""
    found = [text for text in _docstrings(ast.parse(path.read_text())) if re.match(r"Of ", text)]
    halves = [text for text in _docstrings(ast.parse(path.read_text())) if text.rstrip().endswith(",")]
    assert not found, found
    assert not halves, halves


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in _TEXTS:
            yield token.start[0], token.string


def _docstrings(tree: ast.Module) -> Iterator[str]:
    """Of the module, its classes and functions, and the strings below their attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value.strip()
