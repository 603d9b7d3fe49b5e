"""The history in memory."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class MemoryArchive:
    """Implements `Archive`; `objects` holds every object by its key, void ones empty."""

    objects: dict[str, str] = field(default_factory=dict)

    def write(self, key: str, text: str) -> bool:
        return self.objects.setdefault(key, text) == text

    def holds(self, key: str) -> bool | None:
        return bool(self.objects[key]) if key in self.objects else None

    def void(self, key: str) -> bool:
        return not self.objects.setdefault(key, "")

    def lines(self) -> list[str]:
        """Every line, by object."""
        return [line for key in sorted(self.objects) for line in self.objects[key].splitlines()]
