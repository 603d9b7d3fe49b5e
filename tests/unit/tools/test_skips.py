from typing import Literal

import pytest

from tests.support import skips

NODE = "tests/unit/test_x.py::test_y"


def report(outcome: Literal["passed", "skipped"], when: Literal["setup", "call"] = "setup") -> pytest.TestReport:
    return pytest.TestReport(NODE, ("f", 1, "d"), {}, outcome=outcome, longrepr="no browser", when=when)


def test_a_skip_fails_in_ci() -> None:
    skipped = report("skipped")
    skips.fail_unlisted(skipped, NODE, {})
    assert skipped.outcome == "failed"
    assert "no browser" in str(skipped.longrepr)


def test_a_listed_skip_stays_a_skip() -> None:
    skipped = report("skipped")
    skips.fail_unlisted(skipped, NODE, {NODE: "needs a printer"})
    assert skipped.outcome == "skipped"


def test_an_expected_failure_is_no_skip() -> None:
    expected = report("skipped", "call")
    expected.wasxfail = "known"
    skips.fail_unlisted(expected, NODE, {})
    assert expected.outcome == "skipped"


def test_a_pass_stays_a_pass() -> None:
    passed = report("passed", "call")
    skips.fail_unlisted(passed, NODE, {})
    assert passed.outcome == "passed"


def test_the_list_needs_reasons() -> None:
    assert skips.allowed(f"# heading\n\n{NODE}  # needs a printer\n") == {NODE: "needs a printer"}
    with pytest.raises(ValueError, match="no reason"):
        skips.allowed(NODE)
