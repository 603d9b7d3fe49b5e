"""The mapping files of a deployment's shops, read and checked once, while the worker starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from musubi.adapters.content import read_folder
from musubi.contracts.mapping import ShopMapping
from musubi.domain.errors import ConfigError

_FOLDER = "mappings"


def read_mappings(content_dir: str, shops: Sequence[str]) -> Mapping[str, ShopMapping]:
    """The mapping of each shop that has one. ConfigError, naming file and key, for a mistake, and for a file whose name
    is not its shop's or whose shop this deployment does not have.
    """
    found = read_folder(Path(content_dir), _FOLDER, ShopMapping)
    for name, mapping in found.items():
        if mapping.shop not in shops:
            raise ConfigError(f"{_FOLDER}/{name}: shop: {mapping.shop} is not one of {', '.join(shops)}")
        if name.rpartition(".")[0] != mapping.shop:
            raise ConfigError(f"{_FOLDER}/{name}: the file of shop {mapping.shop} is {mapping.shop}.yaml")
    return {mapping.shop: mapping for mapping in found.values()}
