"""From a template and facts to the JSON that LINE gets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from musubi.domain.people import Member

_PLACEHOLDER = re.compile(r"\$\{([a-z][a-z0-9_.]*)\}")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff々〆]")

WHEN = "when"
"""A mapping inside a template that carries `when: some.fact` is left out where that fact is missing or empty."""


NOT_KNOWN = "-"
"""Stands in a message for what nobody knows yet."""


class RenderError(Exception):
    """A template asks for a fact that the Send does not have; the message would have a hole."""


def placeholders(node: Any) -> frozenset[str]:
    """All facts that a template mentions, `when` included."""
    if isinstance(node, str):
        return frozenset(_PLACEHOLDER.findall(node))
    if isinstance(node, Mapping):
        own = {str(node[WHEN])} if WHEN in node else set()
        return frozenset(own).union(*(placeholders(v) for k, v in node.items() if k != WHEN))
    if isinstance(node, (list, tuple)):
        return frozenset().union(*(placeholders(v) for v in node))
    return frozenset()


def render(messages: Any, facts: Mapping[str, str]) -> str:
    """The JSON array of messages, compact and in UTF-8 order of the template. RenderError for a missing fact."""
    rendered = _render(messages, facts)
    if not isinstance(rendered, list) or not 1 <= len(rendered) <= 5:
        raise RenderError("a template must render to 1 to 5 messages")
    return json.dumps(rendered, ensure_ascii=False, separators=(",", ":"))


def _render(node: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return _PLACEHOLDER.sub(lambda m: _fact(m.group(1), facts), node)
    if isinstance(node, Mapping):
        return {k: _render(v, facts) for k, v in node.items() if k != WHEN}
    if isinstance(node, (list, tuple)):
        return [_render(v, facts) for v in node if _kept(v, facts)]
    return node


def _kept(node: Any, facts: Mapping[str, str]) -> bool:
    return not (isinstance(node, Mapping) and WHEN in node) or bool(facts.get(str(node[WHEN])))


def _fact(name: str, facts: Mapping[str, str]) -> str:
    if name not in facts:
        raise RenderError(f"the template asks for {name}, which this Send does not have")
    return facts[name]


def member_facts(member: Member | None, fallback: str, honorific: str) -> dict[str, str]:
    """`member.name`: family name first where it is written in kanji or kana, with `honorific`; `fallback` without a name."""
    family, given = (member.family_name or "", member.given_name or "") if member else ("", "")
    parts = [family, given] if _CJK.search(family + given) else [given, family]
    name = " ".join(p for p in parts if p)
    if not name or "@" in name:
        return {"member.name": fallback}
    for suffix in ("様", "さん"):
        name = name.removesuffix(suffix).rstrip()
    return {"member.name": f"{name}{honorific}" if name else fallback}


def yen(amount: int) -> str:
    """`12,800`; the template writes the 円 behind it."""
    return f"{amount:,}"
