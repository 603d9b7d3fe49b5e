"""Ingress: the two functions that take signed webhooks, check them and put them into a queue."""

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.lib.python_function import PythonFunction
from infra.lib.site import Site

SLOW_MS = 1200


class Ingress(Construct):
    """``line_webhook`` → queue ``line-events``; ``shop_webhook`` → queue ``shop-events``. No table is in reach."""

    def __init__(
        self, scope: Construct, construct_id: str, *, site: Site, line_events: sqs.Queue, shop_events: sqs.Queue
    ) -> None:
        super().__init__(scope, construct_id)
        shared = {"CLAIM_BUCKET": site.names.claims_bucket(), "PARAM_PREFIX": site.names.parameters}
        grants = site.grants
        self.line_webhook = PythonFunction(
            self,
            "LineWebhook",
            site=site,
            name="line_webhook",
            timeout_s=10,
            memory_mb=1024,
            environment={"LINE_EVENTS_QUEUE_URL": line_events.queue_url, **shared},
            statements=[
                *grants.send("line-events"),
                *grants.put_claims("line-events"),
                *grants.secrets("line/channel-secret"),
            ],
        )
        site.desk.alarm(
            "line_webhook-slow",
            self.line_webhook.metric("Duration", "p99"),
            why="LINE counts an answer after 2 s as a failure, and line_webhook comes near that. Look at its cold starts.",
            threshold=SLOW_MS,
            periods=3,
        )
        secrets = [f"shops/{shop}/{platform}" for shop in site.config.shops for platform in site.config.platforms]
        self.shop_webhook = PythonFunction(
            self,
            "ShopWebhook",
            site=site,
            name="shop_webhook",
            timeout_s=10,
            memory_mb=1024,
            environment={
                "SHOP_EVENTS_QUEUE_URL": shop_events.queue_url,
                "SHOPS": ",".join(site.config.shops),
                "PLATFORMS": ",".join(site.config.platforms),
                **shared,
            },
            statements=[
                *grants.send("shop-events"),
                *grants.put_claims("shop-events"),
                *grants.secrets(*secrets),
            ],
        )
