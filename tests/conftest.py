"""What holds for every test: Hypothesis profiles, Node for the CDK, and no silent skips in CI."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from local.tools import node

_IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
_ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.txt"

settings.register_profile(
    "ci",
    max_examples=200,
    derandomize=True,  # the same examples in every run: a red CI is red again on the desk
    deadline=None,  # two cores shared with a stack make single examples slow, never wrong
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("once", max_examples=1, deadline=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if _IN_CI else "dev"))

_node = node.binary()
if _node is not None:
    os.environ.setdefault("JSII_NODE", str(_node))
# No test may reach a real account, whatever the developer's shell holds.
os.environ.pop("AWS_PROFILE", None)
os.environ.setdefault("AWS_DEFAULT_REGION", "ap-northeast-1")


def allowed_skips(text: str) -> dict[str, str]:
    """Node ids that may be skipped in CI, with their reasons; a line is ``<node id>  # <reason>``.

    Raises ValueError for an entry without a reason.
    """
    allowed = {}
    for line in text.splitlines():
        node_id, _, reason = line.partition("  # ")
        if not node_id.strip() or node_id.startswith("#"):
            continue
        if not reason.strip():
            raise ValueError(f"allowed_skips.txt: no reason for {node_id.strip()}")
        allowed[node_id.strip()] = reason.strip()
    return allowed


def _fail_unlisted_skip(report: pytest.TestReport | pytest.CollectReport, node_id: str) -> None:
    if not (_IN_CI and report.skipped) or hasattr(report, "wasxfail"):
        return
    if node_id not in allowed_skips(_ALLOWED_SKIPS.read_text(encoding="utf-8")):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI and not in tests/allowed_skips.txt: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test proves nothing and looks green, so it fails unless its node id is listed."""
    report = yield
    _fail_unlisted_skip(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself while it is collected."""
    report = yield
    _fail_unlisted_skip(report, collector.nodeid)
    return report
