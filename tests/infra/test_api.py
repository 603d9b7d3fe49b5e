"""The HTTP API: routes, throttles, logs without personal data, and an alarm for every webhook that LINE loses."""

import json

from tests.infra.conftest import Synthesised

ROUTES = {
    "POST /line/webhook": "line_webhook",
    "POST /shops/{shop_id}/{platform}": "shop_webhook",
    "POST /v1/link/nonces": "api",
    "GET /healthz": "api",
    "GET /v1/openapi.json": "api",
}


def test_every_route_leads_to_its_function(stage: Synthesised) -> None:
    ids = {function.id: name for name, function in stage.functions.items()}
    found = {}
    for route in stage.stateless.of_type("AWS::ApiGatewayV2::Route"):
        (integration,) = (
            each
            for each in stage.stateless.of_type("AWS::ApiGatewayV2::Integration")
            if each.id in str(route.raw["Properties"]["Target"])
        )
        assert integration.properties["PayloadFormatVersion"] == "2.0"
        found[route.properties["RouteKey"]] = ids[integration.raw["Properties"]["IntegrationUri"]["Fn::GetAtt"][0]]
    assert found == ROUTES


def test_only_this_api_may_call_and_only_on_the_routes_own_path(stage: Synthesised) -> None:
    for permission in stage.stateless.of_type("AWS::Lambda::Permission"):
        assert permission.properties["Principal"] == "apigateway.amazonaws.com"
        assert ":execute-api:" in permission.properties["SourceArn"]
        assert not permission.properties["SourceArn"].endswith("/*/*/*")


def test_a_burst_of_line_webhooks_is_not_throttled(stage: Synthesised) -> None:
    (http_stage,) = stage.stateless.of_type("AWS::ApiGatewayV2::Stage")
    own = http_stage.properties["RouteSettings"]["POST /line/webhook"]
    assert own["ThrottlingBurstLimit"] >= 2000
    assert own["ThrottlingRateLimit"] >= 1000
    default = http_stage.properties["DefaultRouteSettings"]
    assert 0 < default["ThrottlingRateLimit"] <= default["ThrottlingBurstLimit"] < own["ThrottlingBurstLimit"]
    # AWS refuses settings of a route that does not exist yet.
    routes = {each.id for each in stage.stateless.of_type("AWS::ApiGatewayV2::Route")}
    assert routes <= set(http_stage.raw["DependsOn"])


def test_access_logs_are_json_and_name_nobody(stage: Synthesised) -> None:
    (http_stage,) = stage.stateless.of_type("AWS::ApiGatewayV2::Stage")
    settings = http_stage.properties["AccessLogSettings"]
    assert settings["DestinationArn"].endswith(f":log-group:/aws/http-api/{stage.prefix}:*")
    fields = json.loads(settings["Format"])
    assert {"requestId", "route", "status", "latencyMs"} <= set(fields)
    for personal in ("sourceIp", "userAgent", "identity", "path", "authorizer"):
        assert personal not in settings["Format"]


def test_any_answer_to_line_that_is_not_2xx_is_an_alarm(stage: Synthesised) -> None:
    (found,) = stage.stateless.of_type("AWS::Logs::MetricFilter")
    assert found.properties["LogGroupName"] == f"/aws/http-api/{stage.prefix}"
    assert found.properties["FilterPattern"] == '{ ($.route = "POST /line/webhook") && ($.status != "2*") }'
    (http_stage,) = stage.stateless.of_type("AWS::ApiGatewayV2::Stage")
    fields = json.loads(http_stage.properties["AccessLogSettings"]["Format"])
    assert (fields["route"], fields["status"]) == ("$context.routeKey", "$context.status")
    (metric,) = found.properties["MetricTransformations"]
    alarm = stage.named("AWS::CloudWatch::Alarm", "AlarmName", f"{stage.prefix}-line_webhook-refused").properties
    assert (alarm["Namespace"], alarm["MetricName"]) == (metric["MetricNamespace"], metric["MetricName"])
    assert "Dimensions" not in alarm
    assert (alarm["Threshold"], alarm["ComparisonOperator"], alarm["Statistic"]) == (0, "GreaterThanThreshold", "Sum")


def test_answers_near_lines_two_seconds_are_an_alarm(stage: Synthesised) -> None:
    alarm = stage.named("AWS::CloudWatch::Alarm", "AlarmName", f"{stage.prefix}-line_webhook-slow").properties
    assert (alarm["MetricName"], alarm["ExtendedStatistic"]) == ("Duration", "p99")
    assert alarm["Threshold"] < 2000


def test_a_custom_domain_is_the_public_address(keyed: Synthesised, prod: Synthesised) -> None:
    (domain,) = keyed.stateless.of_type("AWS::ApiGatewayV2::DomainName")
    assert domain.properties["DomainName"] == "line.shop.example"
    (configuration,) = domain.properties["DomainNameConfigurations"]
    assert configuration["CertificateArn"].endswith("certificate/00000000-0000-4000-8000-000000000000")
    assert len(list(keyed.stateless.of_type("AWS::ApiGatewayV2::ApiMapping"))) == 1
    for name in ("line_events", "push_sender", "shop_webhook"):
        assert keyed.functions[name].env["PUBLIC_URL"] == "https://line.shop.example"
        assert "ApiEndpoint" in prod.functions[name].env["PUBLIC_URL"]
    assert not list(prod.stateless.of_type("AWS::ApiGatewayV2::DomainName"))
