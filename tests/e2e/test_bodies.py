"""Every sample file goes through its endpoint on a stack of its own: some of them ask for the erasure of all that it holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local import bodies
from local.stack.settings import Settings
from local.stack.up import down, up
from tests.e2e.conftest import free_block
from tests.support.bodies import VARIABLE, samples

pytestmark = pytest.mark.e2e
ASKING = "eccube"
"""Here its shop is the demo shop, which has none of the samples' orders."""


@pytest.fixture(scope="module")
def fates(stack_settings: Settings) -> Iterator[list[bodies.Fate]]:
    """What became of each, our own files and those of the folder that MUSUBI_PAYLOADS names."""
    home = stack_settings.home.with_name(f"{stack_settings.home.name}-bodies")
    settings = replace(stack_settings, home=home, port_base=free_block())
    captures = os.environ.get(VARIABLE)
    try:
        intake = bodies.Intake(up(settings), settings)
        yield [*bodies.samples(intake), *(bodies.captures(intake, Path(captures)) if captures else ())]
    finally:
        down(home)


def test_every_file_is_answered_and_none_breaks_a_worker(
    fates: list[bodies.Fate], record_property: Callable[[str, object], None]
) -> None:
    record_property("table", bodies.by_platform(fates))
    files = [path.relative_to(bodies.EVENTS).as_posix() for path in bodies.EVENTS.rglob("*.*")]
    samples_of_ours = {name for name in files if name.endswith((".json", ".csv", ".tsv")) and ".headers." not in name}
    assert {one.file for one in fates} >= samples_of_ours
    assert [one for one in fates if one.answer >= 500] == []
    assert [one for one in fates if {"crashed", "waits"} & set(one.whats)] == []


def test_what_becomes_of_a_sample_is_what_becomes_of_it_in_one_process(fates: list[bodies.Fate]) -> None:
    """The deployed functions with their roles, queues and settings add nothing to the code and take nothing from it."""
    deployed = {
        one.file: one.verdict for one in fates if one.file.startswith(("shop/", "line/")) and one.system != ASKING
    }
    here = {row.file: row.verdict for row in samples() if row.file in deployed}
    assert len(here) > 100
    assert deployed == here


def test_what_is_refused_is_refused_for_its_reason(fates: list[bodies.Fate]) -> None:
    refused = {one.file: one.whys for one in fates if one.verdict == "refused"}
    assert refused == {
        "schedule/missing_date.json": ("schedule input: scheduled_at: missing",),
        "schedule/unreplaced_date.json": ("schedule input: scheduled_at: value_error",),
    }


def test_every_system_that_calls_is_heard(fates: list[bodies.Fate]) -> None:
    heard = {one.system for one in fates if "accepted" in one.whats}
    assert heard >= {
        "line",
        "bus",
        "csv",
        "shopify",
        "woocommerce",
        "eccube",
        "square",
        "cloudevents",
        "mapping",
        "segment",
    }
