"""The README against the synthesised template: every alarm has its row in the runbook, every variable its source."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from tests.infra.conftest import Synthesised
from tests.support.markdown import first_column, page, spans

RUNBOOK = {"README.md": "alarm", "README.ja.md": "アラーム"}
SECRETS = {"README.md": "SSM parameter", "README.ja.md": "SSMパラメータ"}


def alarms(stage: Synthesised) -> set[str]:
    """Names without the stage's prefix."""
    return {
        str(alarm.properties["AlarmName"]).removeprefix(f"{stage.prefix}-")
        for template in (stage.stateful, stage.stateless)
        for alarm in template.of_type("AWS::CloudWatch::Alarm")
    }


@pytest.mark.parametrize("name", RUNBOOK)
def test_every_alarm_has_a_row_in_the_runbook(stage: Synthesised, name: str) -> None:
    patterns = patterns_of(name)
    assert {alarm for alarm in alarms(stage) if not any(fnmatchcase(alarm, each) for each in patterns)} == set()


@pytest.mark.parametrize("name", RUNBOOK)
def test_every_row_of_the_runbook_has_an_alarm(prod: Synthesised, name: str) -> None:
    there = alarms(prod)
    assert [each for each in patterns_of(name) if not any(fnmatchcase(alarm, each) for alarm in there)] == []


def patterns_of(name: str) -> list[str]:
    """What the first cells name, without remarks in brackets."""
    cells = (re.sub(r"[(（].*?[)）]", "", cell) for cell in first_column(page(name), RUNBOOK[name]))
    return spans(" ".join(cells))


def test_the_number_of_alarms_in_the_bill_is_right(prod: Synthesised) -> None:
    assert f"{len(alarms(prod))} alarms" in page("README.md")
    assert f"アラーム{len(alarms(prod))}個" in page("README.ja.md")


def test_every_variable_of_the_functions_is_documented_and_no_other(prod: Synthesised) -> None:
    documented = spans(" ".join(first_column(page("README.md"), "variable")))
    assert set(documented) == {name for function in prod.functions.values() for name in function.env}


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_that_a_function_may_read_is_documented(prod: Synthesised, name: str) -> None:
    may_read = {
        str(arn).partition(":parameter")[2]
        for function in prod.functions.values()
        for statement in function.statements
        if statement["Sid"] == "Secrets"
        for arn in statement["Resource"]
    }
    documented = {
        span.replace("<stage>", "prod").replace("<shop>", "main")
        for span in spans(" ".join(first_column(page(name), SECRETS[name])))
    }
    assert documented == may_read
