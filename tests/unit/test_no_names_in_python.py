"""Scenarios, steps and messages are data (DESIGN §2): none of them is named in Python.

Looked at: every string literal of `musubi` and `functions` that is no docstring.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/core/python/musubi"
CONTENT = [PACKAGE / "recipes", ROOT / "layers/content"]

WORDS_OF_THE_LANGUAGE = {
    "birthday": (
        "a kind of date, and the field that tells it",
        {
            "domain/scenario.py",
            "contracts/ec_members.py",
            "adapters/shops/square/customers.py",
            "adapters/shops/woocommerce/customers.py",
        },
    ),
    "point_expiry": ("a kind of date", {"domain/scenario.py"}),
    "not_linked": ("a reason code", {"domain/gate.py", "usecases/take_line_event.py"}),
    "promo_refused": ("a reason code", {"domain/gate.py"}),
    "link_failed": ("a reason code", {"usecases/take_line_event.py"}),
}
"""Ids that are words of the system's own vocabulary too: what they mean there, and the only files that say them."""

JAPANESE_ALLOWED = {
    "domain/carriers.py": "names under which carriers are known in the wild",
    "domain/calendar.py": "how a date is written: 12月24日",
    "domain/rendering.py": "honorifics and script ranges that names are recognised by",
    "contracts/values.py": "honorifics that shops glue to names; the yen sign",
    "adapters/shops/mapping/normalise.py": "units that senders write behind a number",
    "domain/shop_writes.py": "the customer group of who refuses promotion, as the shop's staff reads it",
    "adapters/csv/cells.py": "how dates, amounts and eras are written in exported tables",
    "adapters/csv/layout.py": "brackets around column names",
    "adapters/content.py": "brackets and full stops that people type around a command",
}
"""Where Japanese stands in a literal and is no message. The console (web/console) will be one more."""

_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff00-\uffef]")


def sources() -> list[Path]:
    found = [*PACKAGE.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    return sorted(path for path in found if path.parent.name != "recipes")


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT))


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string literal but docstrings (a bare string is one, also behind a constant)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.lineno, node.value


def content_ids() -> set[str]:
    """Ids of all scenarios, steps and templates, of the recipes and of the shop's own content."""
    ids: set[str] = set()
    for path in (p for folder in CONTENT for p in folder.rglob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and "id" in document:
            ids.add(document["id"])
            ids.update(step["id"] for step in document.get("steps", ()))
            ids.update(step["template"] for step in document.get("steps", ()))
    return ids


def message_lines() -> set[str]:
    """Every line of every message, without placeholders: long enough to be nobody else's words."""
    texts: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, str):
            pieces = re.split(r"\$\{[^}]*\}|\n", node)
            texts.update(piece.strip() for piece in pieces if len(piece.strip()) >= 6 and _JAPANESE.search(piece))
        elif isinstance(node, dict):
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    for path in (p for folder in CONTENT for p in (folder / "templates").rglob("*.yaml")):
        walk(yaml.safe_load(path.read_text(encoding="utf-8"))["messages"])
    return texts


def test_there_is_something_to_look_for_and_to_look_at() -> None:
    assert len(content_ids()) > 20
    assert len(message_lines()) > 20
    assert len(sources()) > 40


def test_no_scenario_step_or_template_is_named_in_python() -> None:
    wanted = content_ids() - set(WORDS_OF_THE_LANGUAGE)
    found = [
        f"{name_of(path)}:{line} {text!r}" for path in sources() for line, text in literals(path) if text in wanted
    ]
    assert found == []


@pytest.mark.parametrize("word", WORDS_OF_THE_LANGUAGE)
def test_a_word_of_the_language_stays_where_it_has_that_meaning(word: str) -> None:
    found = {name_of(path) for path in sources() for _, text in literals(path) if text == word}
    assert found == WORDS_OF_THE_LANGUAGE[word][1]


def test_no_message_is_written_in_python() -> None:
    lines = message_lines()
    found = [
        f"{name_of(path)}:{line} {piece}"
        for path in sources()
        for line, text in literals(path)
        for piece in lines
        if piece in text
    ]
    assert found == []


def test_japanese_stands_only_where_it_is_no_message() -> None:
    found = {name_of(path) for path in sources() for _, text in literals(path) if _JAPANESE.search(text)}
    assert found - set(JAPANESE_ALLOWED) == set()


@pytest.mark.parametrize("path", JAPANESE_ALLOWED)
def test_every_allowance_is_still_needed(path: str) -> None:
    assert any(_JAPANESE.search(text) for _, text in literals(PACKAGE / path))
