"""The pages hold what they promise: links lead somewhere, every setting and command is there, none that does not exist."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
from typer.main import get_command

from infra.config import StageConfig
from local.stack import settings
from musubi.adapters.clock import machine_now
from musubi.cli.commands import app
from musubi.contracts import ec
from musubi.web.signatures import SignatureRefused, verify_standard_webhook
from tests.support import markdown
from tests.support.markdown import ROOT, fences, first_column, links, page, spans

PAGES = tuple(
    sorted(
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.md")
        if not {".venv", ".build", ".local", "cdk.out", "node_modules"} & set(path.relative_to(ROOT).parts)
    )
)
READMES = ("README.md", "README.ja.md")
PNG = b"\x89PNG"


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    text = page(name)
    for target in links(text):
        path, _, anchor = target.partition("#")
        there = (ROOT / name).parent / path if path else ROOT / name
        assert there.exists(), f"{name} points to {target}"
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{name} points to {target}"


def anchors(text: str) -> set[str]:
    """Anchors as code hosts derive them from headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", READMES)
def test_pictures_are_small_and_as_wide_as_a_phone(name: str) -> None:
    pictures = [target for target in links(page(name)) if target.endswith(".png")]
    assert pictures
    for picture in pictures:
        data = (ROOT / picture).read_bytes()
        assert data.startswith(PNG)
        assert int.from_bytes(data[16:20], "big") == 390
        assert len(data) <= 200_000


@pytest.mark.parametrize("name", PAGES)
def test_no_page_names_a_machine_path_or_a_placeholder_picture(name: str) -> None:
    assert not re.search(r"(?<![\w.])/(?:root|home|tmp|work)/|docs-image-placeholder", page(name))


@pytest.mark.parametrize("name", READMES)
def test_every_field_of_a_stage_file_is_documented_and_no_other(name: str) -> None:
    heading = {"README.md": "field", "README.ja.md": "項目"}[name]
    documented = set(spans(" ".join(first_column(page(name), heading))))
    assert documented == {field.name for field in fields(StageConfig)}


@pytest.mark.parametrize("name", READMES)
def test_commands_in_a_page_are_targets_of_the_makefile(name: str) -> None:
    text = page(name)
    used = set(
        re.findall(r"\bmake ([a-z-]+)", "\n".join([*fences(text, "sh"), *fences(text, "console"), *spans(text)]))
    )
    targets = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.M))
    assert {"demo", "test", "up", "down", "clock", "deploy"} <= used
    assert used <= targets


@pytest.mark.parametrize("name", READMES)
def test_commands_of_musubi_are_documented_and_no_other(name: str) -> None:
    documented = {
        " ".join(word for word in words.partition("<")[0].split() if re.fullmatch("[a-z]+(-[a-z]+)*", word))
        for cell in first_column(page(name), {"README.md": "command", "README.ja.md": "コマンド"}[name])
        for words in spans(cell)
    }
    assert documented == set(command_names())


def command_names() -> list[str]:
    """Every command of the command line, groups resolved."""
    found = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        found += [f"{name} {inner}" for inner in getattr(command, "commands", {})] or [name]
    return found


@pytest.mark.parametrize("name", READMES)
def test_every_event_that_changes_something_is_documented_and_no_other(name: str) -> None:
    assert set(spans(" ".join(first_column(page(name), "type")))) == set(ec._READERS)


@pytest.mark.parametrize("secret", ["local-shop-secret", "whsec_bXVzdWJpIG11c3ViaSBtdXN1Ymk="])
def test_the_signature_in_the_readme_is_the_one_we_take(secret: str) -> None:
    (example,) = fences(page("README.md"), "python")
    made: dict[str, Any] = {}
    exec(example, made)  # noqa: S102 - our own page
    body = b'{"member_id": "1001"}'
    headers = made["signed_headers"](secret, body)
    arguments = {
        "message_id": headers["webhook-id"],
        "timestamp": headers["webhook-timestamp"],
        "signatures": headers["webhook-signature"],
        "secrets": [secret],
        "now": machine_now(),
    }
    verify_standard_webhook(body, **arguments)
    with pytest.raises(SignatureRefused):
        verify_standard_webhook(body + b" ", **arguments)


def test_every_variable_of_the_local_stack_is_documented() -> None:
    read = set(re.findall(r"(?:environ\.get|_flag)\(\"([A-Z_]+)\"", page("local/stack/settings.py"))) | {
        "MUSUBI_LOCAL_DIR"
    }
    assert {"PORT_BASE", "GO_LIVE"} <= read
    assert read <= set(spans(" ".join(first_column(page("local/README.md"), "variable"))))


def test_the_ports_of_the_local_stack_are_documented() -> None:
    used = settings.Settings(home=ROOT, faults=ROOT).ports
    cells = " ".join(first_column(page("local/README.md"), "port"))
    assert [int(digit) for digit in re.findall(r"\d", cells)] == [port - used[0] for port in used]


def test_fences_are_read_as_they_stand() -> None:
    text = "a\n```sh\nx\n```\n1. b\n\n   ```console\n   y\n     z\n   ```\n```\nq\n```\n"
    assert fences(text, "sh") == ["x\n"]
    assert fences(text, "console") == ["y\n  z\n"]
    assert markdown.fences(text, "") == ["q\n"]


def test_the_japanese_tour_is_the_same_tour() -> None:
    typed = {line for block in fences(page("README.md"), "sh") for line in block.splitlines()}
    typed |= {line for block in fences(page("README.md"), "console") for line in block.splitlines()}
    shown = {line for block in fences(page("README.ja.md"), "console") for line in block.splitlines()}
    assert shown
    assert shown <= typed
