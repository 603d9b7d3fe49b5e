"""`make tables`: writes the READMEs' tables of shop systems from what is proven.

What a platform is said to do is what flow tests are marked with (`@pytest.mark.shows("<platform>", "<capability>")`); how it
signs and repeats is its own description. The marks are read from the source, so that no test has to be collected first.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from musubi.adapters.shops.platform import Platform
from musubi.adapters.shops.platforms import PLATFORMS
from tests.support.markdown import ROOT

FLOWS = ROOT / "tests" / "flows"

ASKED = ("member", "points", "rank", "birthday", "cart", "shipping", "write-back")
"""Columns of the first table, beside how it signs and how sure it is."""
FURTHER = ("order", "cancel", "booking", "subscription", "privacy", "reconcile")
CAPABILITIES = (*ASKED, *FURTHER)

_JAPANESE = {
    "order": "注文",
    "shipping": "発送",
    "cancel": "キャンセル",
    "member": "会員",
    "points": "ポイント",
    "rank": "ランク",
    "birthday": "誕生日",
    "cart": "カート",
    "booking": "予約",
    "subscription": "定期",
    "privacy": "個人情報の請求",
    "reconcile": "取りこぼしの照合",
    "write-back": "書き戻し",
}
_PROOFS = {"real body": "実データ", "vendor doc": "公式文書", "assumed": "推定（標準では無効）"}
_KINDS = {
    "push": "Webhook",
    "push + fetch": "Webhook＋取得",
    "poll": "定期取得",
    "neutral": "共通形式",
}

Shown = Mapping[str, Collection[str]]
"""Capabilities by platform."""


class UnknownMark(ValueError):
    """A mark names what is no platform or no capability."""


def marks(source: str, name: str) -> Iterator[tuple[str, str]]:
    """(platform, capability) of every `shows` mark in a test file; UnknownMark for one that is not two plain texts."""
    for node in ast.walk(ast.parse(source, name)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "shows"):
            continue
        said = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if len(said) != 2 or len(node.args) != 2 or node.keywords:
            raise UnknownMark(f"{name}:{node.lineno}: shows takes a platform and a capability, as plain texts")
        yield said[0], said[1]


def shown(folder: Path = FLOWS, platforms: Collection[str] = frozenset(PLATFORMS)) -> Shown:
    """What the flow tests show; UnknownMark, naming the file, for a platform or capability that there is not."""
    found: dict[str, set[str]] = {name: set() for name in platforms}
    for path in sorted(folder.glob("test_*.py")):
        for platform, capability in marks(path.read_text(encoding="utf-8"), path.name):
            if platform not in found:
                raise UnknownMark(f"{path.name}: {platform} is no platform")
            if capability not in CAPABILITIES:
                raise UnknownMark(f"{path.name}: {capability} is no capability")
            found[platform].add(capability)
    return found


def english(by_platform: Shown, platforms: Sequence[Platform]) -> str:
    """Two tables and what is not known."""
    first = _table(
        ("shop system", "signature", "retries", *ASKED, "link ways", "proof"),
        (
            (_named(one), one.signature, one.retries, *_ticks(one, by_platform, ASKED), one.link_ways, one.proof.value)
            for one in platforms
        ),
    )
    second = _table(
        ("shop system", "how", *FURTHER),
        ((_named(one), one.kind.value, *_ticks(one, by_platform, FURTHER)) for one in platforms),
    )
    unknown = "\n".join(f"* {one.title}: {one.unknown.rstrip('.')}." for one in platforms if one.unknown)
    return f"{first}\n{second}\nNot known, or not to be had:\n\n{unknown}\n"


def japanese(by_platform: Shown, platforms: Sequence[Platform]) -> str:
    """One table: what each can do, and how sure that is."""
    return _table(
        ("カート", "方式", "できること", "確かさ"),
        (
            (
                _named(one),
                _KINDS[one.kind.value],
                "、".join(word for name, word in _JAPANESE.items() if name in by_platform[one.name]) or "–",
                _PROOFS[one.proof.value],
            )
            for one in platforms
        ),
    )


PAGES = {"README.md": english, "README.ja.md": japanese}


def rewritten(page: str, name: str) -> str:
    """The text of a page with its tables made anew; ValueError if it has no place for them."""
    tables = PAGES[name](shown(), tuple(PLATFORMS.values()))
    found, count = re.subn(
        r"(<!-- capabilities[^>]*-->\n).*?(<!-- /capabilities -->)",
        lambda place: f"{place[1]}\n{tables}\n{place[2]}",
        page,
        flags=re.S,
    )
    if count != 1:
        raise ValueError(f"{name} has no place for the capability table")
    return found


def _named(one: Platform) -> str:
    return f"{one.title} (`{one.name}`)"


def _ticks(one: Platform, by_platform: Shown, capabilities: Sequence[str]) -> list[str]:
    return ["✓" if name in by_platform[one.name] else "–" for name in capabilities]


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def main() -> int:
    """Write both pages."""
    for name in PAGES:
        path = ROOT / name
        path.write_text(rewritten(path.read_text(encoding="utf-8"), name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
