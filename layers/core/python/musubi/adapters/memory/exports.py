"""`Exports` in memory."""

from __future__ import annotations


class MemoryExports:
    """Implements `Exports`."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def put(self, name: str, document: str) -> str:
        self.kept[name] = document
        return f"memory://{name}"
