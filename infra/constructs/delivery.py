"""Delivery: the push queue and the one function that sends to LINE."""

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.line_settings import sender_settings
from infra.lib.grants import READ, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.queue_worker import WorkQueue, work_off
from infra.lib.site import Site


class Delivery(Construct):
    """Queue ``push`` → ``push_sender`` → LINE."""

    def __init__(self, scope: Construct, construct_id: str, *, site: Site, log: sqs.Queue, quarantine_url: str) -> None:
        super().__init__(scope, construct_id)
        self.push = WorkQueue(
            self,
            "Push",
            site=site,
            name="push",
            timeout_s=20,
            slo_s=600,
            # LINE forgets a retry key after 24 h: a push that waited longer than this is left to the sweeper, which
            # looks at the ledger before it queues anything.
            keep=cdk.Duration.hours(20),
        )
        grants = site.grants
        self.sender = PythonFunction(
            self,
            "PushSender",
            site=site,
            name="push_sender",
            timeout_s=20,
            memory_mb=1024,
            environment={
                "PEOPLE_TABLE": site.names.of("people"),
                "WORK_TABLE": site.names.of("work"),
                "PUSH_QUEUE_URL": self.push.queue.queue_url,
                "LOG_QUEUE_URL": log.queue_url,
                "QUARANTINE_QUEUE_URL": quarantine_url,
                **sender_settings(site),
            },
            statements=[
                *grants.table("people", READ),
                *grants.table("work", READ + WRITE),
                *grants.consume("push"),
                *grants.send("push", "log", "quarantine"),
                *grants.secrets("line/channel-secret"),
            ],
            content=True,
            # While LINE refuses the channel, a push waits outside: it is queued again with a delay.
            requeues=True,
        )
        work_off(self.push, self.sender, site)
