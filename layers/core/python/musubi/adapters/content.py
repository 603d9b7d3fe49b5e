"""The catalog: musubi's recipes, overlaid by id with what the shop owns. Read and checked once, while a function
starts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel

from musubi.contracts.content import CommandsFile, ScenarioFile, TemplateFile, WordsFile, read_content
from musubi.domain.errors import ConfigError
from musubi.domain.scenario import Scenario

_F = TypeVar("_F", ScenarioFile, TemplateFile)
_M = TypeVar("_M", bound=BaseModel)
_QUOTES = "「」『』【】[]()（）\"'。．.!！"


class FileCatalog:
    """Implements `Catalog` over the package's recipes and an optional folder of the same layout.

    ConfigError, naming file and key, for anything that would otherwise show when the first message is due.
    """

    def __init__(self, content_dir: str | None = None) -> None:
        layers: list[Traversable] = [files("musubi.recipes")]
        if content_dir and Path(content_dir).is_dir():
            layers.append(Path(content_dir))
        self._scenarios = {one.id: one.to_domain() for one in _merged(layers, "scenarios", ScenarioFile)}
        self._templates = {one.id: list(one.messages) for one in _merged(layers, "templates", TemplateFile)}
        self._commands: dict[str, str] = {}
        self._words: dict[str, str] = {}
        for layer in layers:
            if commands := _single(layer, "commands.yaml", CommandsFile):
                self._commands |= {_spoken(text): command for text, command in commands.root.items()}
            if words := _single(layer, "words.yaml", WordsFile):
                self._words |= words.model_dump(exclude_none=True)
        self._check()

    def scenarios(self) -> Sequence[Scenario]:
        return tuple(self._scenarios.values())

    def scenario(self, scenario_id: str, version: int) -> Scenario | None:
        """Files hold one version of a scenario, the newest; a step id keeps its meaning over versions."""
        return self._scenarios.get(scenario_id)

    def template(self, template_id: str) -> Any:
        """The list of message objects; KeyError if there is no such template."""
        return self._templates[template_id]

    def words(self) -> Mapping[str, str]:
        return self._words

    def command(self, text: str) -> str | None:
        """The command, whatever width, case, blanks or brackets people type it with: menus show it as 「連携解除」."""
        return self._commands.get(_spoken(text))

    def _check(self) -> None:
        for scenario in self._scenarios.values():
            for step in scenario.steps:
                if step.template not in self._templates:
                    raise ConfigError(f"scenarios/{scenario.id}: steps.{step.id}.template: no {step.template}")
        if missing := {"honorific", "nameless", "link_reward"} - self._words.keys():
            raise ConfigError(f"words.yaml: {min(missing)} is missing")


def _spoken(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).strip(_QUOTES).casefold()


def _merged(layers: Sequence[Traversable], folder: str, model: type[_F]) -> list[_F]:
    found: dict[str, _F] = {}
    for layer in layers:
        found |= _folder(layer, folder, model)
    return [found[key] for key in sorted(found)]


def _folder(layer: Traversable, folder: str, model: type[_F]) -> dict[str, _F]:
    found: dict[str, _F] = {}
    for file, one in read_folder(layer, folder, model).items():
        if one.id in found:
            raise ConfigError(f"{folder}/{file}: id: {one.id} is taken by another file")
        found[one.id] = one
    return found


def read_folder(layer: Traversable, folder: str, model: type[_M]) -> dict[str, _M]:
    """The YAML files of a folder by file name, each as `model`; {} without the folder. ConfigError naming file and key."""
    root = layer / folder
    if not root.is_dir():
        return {}
    return {
        file.name: read_content(model, _yaml(file, f"{folder}/{file.name}"), f"{folder}/{file.name}")
        for file in sorted(root.iterdir(), key=lambda one: one.name)
        if not file.name.startswith(".") and file.name.endswith((".yaml", ".yml"))
    }


def _single(layer: Traversable, name: str, model: type[_M]) -> _M | None:
    file = layer / name
    return read_content(model, _yaml(file, name), name) if file.is_file() else None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain YAML without duplicate keys: of two, the later one would win without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if doubled := [key for i, key in enumerate(keys) if key in keys[:i]]:
            raise yaml.constructor.ConstructorError(None, None, f"{doubled[0]} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _yaml(file: Traversable, name: str) -> Any:
    try:
        # _Loader only ever makes plain values: it derives from the safe loader.
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: {error}") from None
