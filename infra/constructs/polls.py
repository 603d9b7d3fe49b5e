"""Polls: shops are asked for what their webhooks lost."""

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import GRANTED
from infra.constructs.shop_events import pairs
from infra.lib.grants import QUERY, READ, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.schedule import Beat, Clockwork
from infra.lib.site import Site

TIMEOUT_S = 300
"""A hundred orders a page, a few seconds a page; what does not fit is read by the next run."""


class Polls(Construct):
    """``rate(1 hour)`` for each shop with an API → ``poll_shop`` → queue ``shop-events``, as its webhooks."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        clockwork: Clockwork,
        failures: sqs.Queue,
        shop_events: sqs.Queue,
    ) -> None:
        super().__init__(scope, construct_id)
        config, grants = site.config, site.grants
        keys = [f"shops/{name}-api" for name in config.asked_apis]
        renewed = [f"shops/{name}-api" for name in config.asked_apis if name.partition("/")[2] in GRANTED]
        self.worker = PythonFunction(
            self,
            "PollShop",
            site=site,
            name="poll_shop",
            timeout_s=TIMEOUT_S,
            memory_mb=512,
            environment={
                "WORK_TABLE": site.names.of("work"),
                "SHOP_EVENTS_QUEUE_URL": shop_events.queue_url,
                "CLAIM_BUCKET": site.names.claims_bucket(),
                "PARAM_PREFIX": site.names.parameters,
                "SHOP_APIS": pairs(config.asked_apis),
                "PLATFORMS": ",".join(config.platforms),
                "POLL_OVERLAP_MINUTES": str(config.polls.overlap_minutes),
                "POLL_FIRST_HOURS": str(config.polls.first_hours),
                "POLL_SILENCE_HOURS": str(config.polls.silence_hours),
                "CLOCK": config.clock,
            },
            statements=[
                *grants.table("work", READ + QUERY + WRITE),
                *grants.send("shop-events"),
                *grants.put_claims("shop-events"),
                *(grants.secrets(*keys) if keys else ()),
                *(grants.keep_secrets(*renewed) if renewed else ()),
                *grants.put_aside("schedules-dlq"),
            ],
            failures=failures,
        )
        # A poll that never came is made up by the next one, which reads from the same mark.
        clockwork.fire(self.worker, *(_beat(name, config.polls.every) for name in config.asked_apis))


def _beat(name: str, every: str) -> Beat:
    shop, _, platform = name.partition("/")
    about = {"shop_id": shop, "platform": platform}
    return Beat(f"poll-{shop}-{platform}", every, attempts=1, max_age_s=900, about=about)
