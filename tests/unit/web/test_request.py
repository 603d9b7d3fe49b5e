"""Under which addresses a caller may know us."""

from __future__ import annotations

from musubi.web.request import addresses

EVENT = {"rawPath": "/shops/main/square", "rawQueryString": "", "requestContext": {"domainName": "api.aws.example"}}


def test_the_public_address_comes_first_and_may_have_a_path_that_a_proxy_takes_away() -> None:
    found = addresses(EVENT, {"host": "hooks.shop.example"}, "https://shop.example/line")
    assert found[0] == "https://shop.example/line/shops/main/square"
    assert found[1:] == [
        "https://hooks.shop.example/shops/main/square",
        "http://hooks.shop.example/shops/main/square",
        "https://api.aws.example/shops/main/square",
        "http://api.aws.example/shops/main/square",
    ]


def test_a_query_belongs_to_every_address() -> None:
    asked = {**EVENT, "rawQueryString": "token=t%2B1"}
    found = addresses(asked, {}, "https://shop.example")
    assert len(found) == 3
    assert all(url.endswith("/shops/main/square?token=t%2B1") for url in found)


def test_without_a_public_address_only_the_named_hosts_count() -> None:
    assert addresses({"rawPath": "/x"}, {}) == []
