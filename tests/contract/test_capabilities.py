"""What the READMEs say of shop systems is what flows show, and how the platforms describe themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.stages import load, local
from musubi.adapters.shops.platform import Kind, Platform, Proof
from musubi.adapters.shops.platforms import PLATFORMS
from tests.support import capabilities
from tests.support.capabilities import UnknownMark, english, marks, rewritten, shown
from tests.support.markdown import page

HEAD = "import pytest\n\n\n"
MARK = HEAD + '@pytest.mark.shows("{}", "{}")\ndef test_it() -> None: ...\n'


@pytest.mark.parametrize("name", sorted(capabilities.PAGES))
def test_the_page_holds_the_tables_as_they_are_made(name: str) -> None:
    assert page(name) == rewritten(page(name), name), "run: make tables"


def test_a_mark_of_an_unknown_platform_or_capability_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "test_platform_x.py"
    for platform, capability in (("shopifi", "order"), ("shopify", "ordr")):
        file.write_text(MARK.format(platform, capability), encoding="utf-8")
        with pytest.raises(UnknownMark, match=r"test_platform_x\.py: .* is no"):
            shown(tmp_path)


@pytest.mark.parametrize(
    "said", ["NAME, 'order'", "'shopify'", "'shopify', 'order', 'cart'", "'shopify', capability='order'"]
)
def test_a_mark_is_two_plain_texts(said: str) -> None:
    with pytest.raises(UnknownMark, match="x:4"):
        list(marks(f"{HEAD}@pytest.mark.shows({said})\ndef test_it() -> None: ...\n", "x"))


def test_a_platform_is_credited_with_what_it_is_marked_for(tmp_path: Path) -> None:
    (tmp_path / "test_platform_x.py").write_text(MARK.format("square", "booking"), encoding="utf-8")
    found = shown(tmp_path)
    assert {name: set(what) for name, what in found.items() if what} == {"square": {"booking"}}
    square = Platform(
        name="square",
        title="Square",
        kind=Kind.PUSH_FULL,
        proof=Proof.VENDOR_DOC,
        signature="HMAC",
        retries="some",
        unknown="much",
    )
    text = english(found, [square])
    assert "| Square (`square`) | HMAC | some | – | – | – | – | – | – | – | nonce API | vendor doc |" in text
    assert "| Square (`square`) | push | – | – | ✓ | – | – | – |" in text
    assert text.endswith("* Square: much.\n")


def test_every_marked_flow_is_of_a_file_named_after_its_platform() -> None:
    for path in sorted(capabilities.FLOWS.glob("test_platform_*.py")):
        platform = path.stem.removeprefix("test_platform_").partition("__")[0]
        named = {name for name, _ in marks(path.read_text(encoding="utf-8"), path.name)}
        assert all(platform.startswith(name.replace("-", "_")) for name in named), path.name


def test_what_is_only_assumed_is_closed_unless_a_stage_names_it() -> None:
    assumed = {name for name, one in PLATFORMS.items() if one.proof is Proof.ASSUMED}
    assert assumed
    for stage in ("dev", "stg", "prod"):
        assert not assumed & set(load(stage).platforms)
    assert set(local.PLATFORMS) == {name for name, one in PLATFORMS.items() if one.verify is not None}


def test_what_is_not_known_is_said_of_everything_assumed() -> None:
    assert all(one.unknown for one in PLATFORMS.values() if one.proof is Proof.ASSUMED)
