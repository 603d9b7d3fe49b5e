"""Rights are what the functions use, no more and no less: each runs for a busy week, in the environment of the template and
over AWS in memory, and what it asked for is compared with its role."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from moto import mock_aws

from infra.config import StageConfig, WriteBack
from infra.lib.template import Function
from infra.stages import load
from tests.infra.conftest import FUNCTIONS, Synthesised
from tests.support import busy_week
from tests.support.aws_calls import Right
from tests.support.deployed import Deployed
from tests.support.line_stub import line_stub

NOT_OURS: dict[Right, str] = {
    ("sqs:ReceiveMessage", "*"): "the event source mapping polls with the function's role",
    ("sqs:DeleteMessage", "*"): "the event source mapping deletes what the function did not give back",
    ("sqs:GetQueueAttributes", "*"): "the event source mapping looks at its queue",
    (
        "sqs:SendMessage",
        "*-schedules-dlq",
    ): "Lambda puts an asynchronous call that failed for good into its destination",
    ("kms:Decrypt", "*:key/*"): "Parameter Store decrypts a SecureString with the rights of who reads it",
    ("logs:CreateLogStream", "*"): "Lambda writes the function's output to its log group",
    ("logs:PutLogEvents", "*"): "Lambda writes the function's output to its log group",
}
"""Rights that AWS uses in the name of a function: no request of ours shows them."""


@pytest.fixture(scope="module")
def house(synthesise: Callable[[StageConfig], Synthesised]) -> Iterator[Deployed]:
    """Return prod, with a shop that can be asked, after a busy week."""
    platforms, shopify = ("shopify", "woocommerce", "cloudevents"), "https://musubi-shoten.myshopify.com"
    apis = {"main/woocommerce": "https://shop.example.jp", "main/shopify": shopify}
    backs = {"main/shopify": WriteBack(linked_tag="LINE", consent=True)}
    prod = synthesise(replace(load("prod"), platforms=platforms, shop_apis=apis, write_backs=backs))
    with pytest.MonkeyPatch.context() as patch, mock_aws(), line_stub() as line:
        deployed = Deployed(prod.stateful, prod.stateless, prod.prefix, line, patch)
        busy_week.live(deployed)
        yield deployed


def granted(function: Function) -> set[Right]:
    """Return every action on every resource that the role allows."""
    return {(action, arn) for each in function.statements for action in each["Action"] for arn in each["Resource"]}


def covers(allowed: Right, asked: Right) -> bool:
    """Return whether a right, perhaps with a wildcard in its resource, allows what was asked."""
    return allowed[0] == asked[0] and fnmatchcase(asked[1], allowed[1])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_every_right_that_it_uses(house: Deployed, name: str) -> None:
    allowed = granted(house.functions[name])
    missing = {asked for asked in house.calls.used[name] if not any(covers(right, asked) for right in allowed)}
    assert missing == set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_uses_every_right_that_it_has(house: Deployed, name: str) -> None:
    used = house.calls.used[name]
    unused = {right for right in granted(house.functions[name]) if not any(covers(right, asked) for asked in used)}
    assert {right for right in unused if not any(covers(known, right) for known in NOT_OURS)} == set()


def test_every_exception_is_needed_and_stands_for_no_request_of_ours(house: Deployed) -> None:
    for known in NOT_OURS:
        rights = {right for each in house.functions.values() for right in granted(each) if covers(known, right)}
        assert rights, known
        assert not {asked for used in house.calls.used.values() for asked in used if asked in rights}, known
