"""What tests read out of our Markdown pages: fenced blocks, links, and the code spans of tables."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.M | re.S)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<md>[^)\s]+)\)|<img [^>]*src=\"(?P<html>[^\"]+)\"")
_SPAN = re.compile(r"`([^`\n]+)`")


def page(name: str) -> str:
    """The text of a page, by its path in the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def fences(text: str, language: str) -> list[str]:
    """The bodies of fenced blocks of one language, in order, without their indentation."""
    found = []
    for match in _FENCE.finditer(text):
        if match["language"] == language:
            indent = len(match["indent"])
            found.append("".join(line[indent:] for line in match["body"].splitlines(keepends=True)))
    return found


def links(text: str) -> list[str]:
    """Targets of links and images that are not addresses of other sites."""
    targets = [match["md"] or match["html"] for match in _LINK.finditer(_FENCE.sub("", text))]
    return [target for target in targets if "://" not in target and not target.startswith("mailto:")]


def first_column(text: str, heading: str) -> list[str]:
    """The first cells of the table whose head row begins with `| heading |`, in order."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            break
    else:
        raise AssertionError(f"no table with the head {heading!r}")
    next(lines)  # the rule under the head
    cells = []
    for line in lines:
        if not line.startswith("|"):
            break
        cells.append(line.split("|")[1].strip())
    return cells


def spans(text: str) -> list[str]:
    """What stands in `code`, in order; fenced blocks are left out."""
    return _SPAN.findall(_FENCE.sub("", text))
