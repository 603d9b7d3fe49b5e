"""Conversations: what friends do on LINE (follow, message, tap, link) and our answer."""

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.line_settings import sender_settings
from infra.constructs.shop_events import pairs
from infra.lib.grants import READ, REMOVE, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.queue_worker import WorkQueue, work_off
from infra.lib.site import Site


def _points(site: Site) -> dict[str, str]:
    """Points for a first link, by shop."""
    backs = site.config.write_backs.items()
    return {name.partition("/")[0]: str(back.link_points) for name, back in backs if back.link_points}


class Conversations(Construct):
    """Queue ``line-events`` → ``line_events`` → reply, or queue ``push``."""

    def __init__(
        self, scope: Construct, construct_id: str, *, site: Site, push: sqs.Queue, log: sqs.Queue, quarantine: sqs.Queue
    ) -> None:
        super().__init__(scope, construct_id)
        # A reply token is good for less than a minute: six seconds of work, and an alarm while it can still matter.
        self.events = WorkQueue(self, "Events", site=site, name="line-events", timeout_s=6, slo_s=60)
        grants = site.grants
        self.worker = PythonFunction(
            self,
            "LineEvents",
            site=site,
            name="line_events",
            timeout_s=6,
            memory_mb=1024,
            environment={
                "PEOPLE_TABLE": site.names.of("people"),
                "WORK_TABLE": site.names.of("work"),
                "PUSH_QUEUE_URL": push.queue_url,
                "LOG_QUEUE_URL": log.queue_url,
                "QUARANTINE_QUEUE_URL": quarantine.queue_url,
                "CLAIM_BUCKET": site.names.claims_bucket(),
                "BUS_NAME": site.names.prefix,
                "SHOP_LOGIN_URL": site.config.shop_login_url,
                "LINK_POINTS": pairs(_points(site)),
                **sender_settings(site),
            },
            statements=[
                *grants.table("people", READ + WRITE + REMOVE),
                *grants.table("work", READ + WRITE + REMOVE),
                *grants.consume("line-events"),
                *grants.send("push", "log", "quarantine"),
                *grants.get_claims("line-events"),
                *grants.secrets("line/channel-secret"),
                *grants.publish(),
            ],
            content=True,
        )
        work_off(self.events, self.worker, site)
