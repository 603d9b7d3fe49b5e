"""What holds for every test: Hypothesis profiles, Node for the CDK, and no silent skips in CI."""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, Phase, settings

from local.tools import node
from tests.support import skips

pytest_plugins = ("tests.support.summary",)

_IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
_LISTED = skips.allowed(skips.LIST.read_text(encoding="utf-8"))

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test fails in CI unless tests/allowed_skips.txt names it."""
    report = yield
    if _IN_CI:
        skips.fail_unlisted(report, item.nodeid, _LISTED)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself while it is collected."""
    report = yield
    if _IN_CI:
        skips.fail_unlisted(report, collector.nodeid, _LISTED)
    return report
