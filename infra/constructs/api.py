"""The HTTP API: webhooks of LINE and of the shops, and what the shop's own server asks."""

import json
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.ingress import Ingress
from infra.lib.grants import WRITE
from infra.lib.nag import acknowledge
from infra.lib.python_function import PythonFunction
from infra.lib.retention import retention
from infra.lib.site import Site

LINE_ROUTE = "POST /line/webhook"
LINE_BURST, LINE_RATE = 3000, 2000
DEFAULT_BURST, DEFAULT_RATE = 1000, 500

# Neither address nor path: who called is personal, and a shop id in a path tells nothing that the route does not.
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "route": "$context.routeKey",
    "status": "$context.status",
    "protocol": "$context.protocol",
    "latencyMs": "$context.responseLatency",
    "functionMs": "$context.integrationLatency",
    "functionStatus": "$context.integrationStatus",
    "responseBytes": "$context.responseLength",
    "error": "$context.error.message",
    "functionError": "$context.integrationErrorMessage",
}


class Api(Construct):
    """Routes, throttles and access logs; the function ``api`` answers what is not a webhook."""

    def __init__(self, scope: Construct, construct_id: str, *, site: Site, ingress: Ingress) -> None:
        super().__init__(scope, construct_id)
        self._site = site
        self.worker = self._function()
        self.http = gateway.HttpApi(
            self,
            "Http",
            api_name=site.names.prefix,
            description=f"musubi {site.config.stage}",
            create_default_stage=False,
        )
        routes: Mapping[tuple[gateway.HttpMethod, str], tuple[PythonFunction, str]] = {
            (gateway.HttpMethod.POST, "/line/webhook"): (ingress.line_webhook, "checks x-line-signature"),
            (gateway.HttpMethod.POST, "/shops/{shop_id}/{platform}"): (
                ingress.shop_webhook,
                "checks the shop system's signature",
            ),
            (gateway.HttpMethod.POST, "/v1/link/nonces"): (self.worker, "checks webhook-signature"),
            (gateway.HttpMethod.GET, "/healthz"): (self.worker, "tells nothing but that it runs"),
            (gateway.HttpMethod.GET, "/v1/openapi.json"): (self.worker, "shows a public document"),
        }
        self._routes = [self._route(*route, *target) for route, target in routes.items()]
        self.stage = self._stage()
        self._watch()

    def _function(self) -> PythonFunction:
        site = self._site
        secrets = [f"shops/{shop}/cloudevents" for shop in site.config.shops]
        return PythonFunction(
            self,
            "Function",
            site=site,
            name="api",
            timeout_s=10,
            memory_mb=512,
            environment={
                "WORK_TABLE": site.names.of("work"),
                "PARAM_PREFIX": site.names.parameters,
                "SHOPS": ",".join(site.config.shops),
            },
            statements=[
                *site.grants.table("work", WRITE),
                *site.grants.secrets(*secrets),
            ],
        )

    def _route(self, method: gateway.HttpMethod, path: str, worker: PythonFunction, how: str) -> gateway.HttpRoute:
        (route,) = self.http.add_routes(
            path=path,
            methods=[method],
            integration=integrations.HttpLambdaIntegration(f"{worker.name}-{path}", worker.function),
        )
        acknowledge(
            route,
            "AwsSolutions-APIG4",
            f"Route {method.value} {path}: its callers have no AWS or OAuth identity; functions/{worker.name} {how}.",
        )
        return route

    def _stage(self) -> gateway.HttpStage:
        site = self._site
        self._access_log = logs.LogGroup(
            self,
            "AccessLogs",
            log_group_name=f"/aws/http-api/{site.names.prefix}",
            retention=retention(site.config.log_days),
            encryption_key=site.key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        stage = gateway.HttpStage(
            self,
            "Stage",
            http_api=self.http,
            stage_name="$default",
            auto_deploy=True,
            throttle=gateway.ThrottleSettings(burst_limit=DEFAULT_BURST, rate_limit=DEFAULT_RATE),
            domain_mapping=self._domain(),
        )
        settings = stage.node.default_child
        assert isinstance(settings, gateway.CfnStage)
        settings.access_log_settings = gateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=self._access_log.log_group_arn, format=json.dumps(_ACCESS_LOG)
        )
        # LINE delivers in bursts after a broadcast, and with its redelivery off a throttled webhook is lost.
        settings.route_settings = {
            LINE_ROUTE: {
                "ThrottlingBurstLimit": LINE_BURST,
                "ThrottlingRateLimit": LINE_RATE,
            }
        }
        for route in self._routes:
            stage.node.add_dependency(route)
        return stage

    def _domain(self) -> gateway.DomainMappingOptions | None:
        domain = self._site.config.domain
        if domain is None:
            return None
        name = gateway.DomainName(
            self,
            "Domain",
            domain_name=domain.name,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn),
        )
        cdk.CfnOutput(self, "DomainTarget", value=name.regional_domain_name)
        return gateway.DomainMappingOptions(domain_name=name)

    def url(self) -> str:
        """Return the base URL under which LINE, the shops and browsers reach this stage, without trailing slash."""
        domain = self._site.config.domain
        return f"https://{domain.name}" if domain else self.http.api_endpoint

    def _watch(self) -> None:
        # From our own access log: it has the gateway's refusals, the function's answers and its crashes in one place.
        refused = logs.MetricFilter(
            self,
            "Refused",
            log_group=self._access_log,
            filter_pattern=logs.FilterPattern.literal(f'{{ ($.route = "{LINE_ROUTE}") && ($.status != "2*") }}'),
            metric_namespace=self._site.names.prefix,
            metric_name="LineWebhookRefused",
            metric_value="1",
            default_value=0,
        )
        self._site.desk.alarm(
            "line_webhook-refused",
            refused.metric(statistic="Sum", period=cdk.Duration.minutes(1)),
            why="LINE got an answer other than 2xx: throttled, a wrong signature, or a crash; the access log says which. "
            "With redelivery off in LINE's console that event is lost.",
        )
