"""Timers: the minute tick that runs due steps, and the sweeper behind every queue."""

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.lib.grants import QUERY, READ, REMOVE, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.schedule import Beat, Clockwork
from infra.lib.site import Site


class Timers(Construct):
    """``rate(1 minute)`` → ``due_steps`` and ``rate(5 minutes)`` → ``sweeper``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        clockwork: Clockwork,
        failures: sqs.Queue,
        push: sqs.Queue,
        quarantine: sqs.Queue,
    ) -> None:
        super().__init__(scope, construct_id)
        self._site = site
        self.due_steps = self._due_steps(push, quarantine, failures)
        self.sweeper = self._sweeper(push, failures)
        # A tick that is late by more than its own period is worth nothing: the next one reads the same items.
        clockwork.fire(self.due_steps, Beat("due-steps", "rate(1 minute)", attempts=1, max_age_s=60))
        clockwork.fire(self.sweeper, Beat("sweeper", "rate(5 minutes)", attempts=2, max_age_s=300))

    def _due_steps(self, push: sqs.Queue, quarantine: sqs.Queue, failures: sqs.Queue) -> PythonFunction:
        site = self._site
        return PythonFunction(
            self,
            "DueSteps",
            site=site,
            name="due_steps",
            timeout_s=55,
            memory_mb=512,
            environment={
                "PEOPLE_TABLE": site.names.of("people"),
                "WORK_TABLE": site.names.of("work"),
                "PUSH_QUEUE_URL": push.queue_url,
                "QUARANTINE_QUEUE_URL": quarantine.queue_url,
                "CLOCK": site.config.clock,
                "CONTENT_DIR": site.config.content_dir,
            },
            statements=[
                *site.grants.table("people", READ),
                *site.grants.table("work", READ + QUERY + WRITE + REMOVE),
                *site.grants.send("push", "quarantine"),
                *site.grants.put_aside("schedules-dlq"),
            ],
            failures=failures,
            content=True,
        )

    def _sweeper(self, push: sqs.Queue, failures: sqs.Queue) -> PythonFunction:
        site = self._site
        return PythonFunction(
            self,
            "Sweeper",
            site=site,
            name="sweeper",
            timeout_s=55,
            memory_mb=512,
            environment={
                "WORK_TABLE": site.names.of("work"),
                "PUSH_QUEUE_URL": push.queue_url,
                "BUS_NAME": site.names.prefix,
                "CLOCK": site.config.clock,
            },
            statements=[
                *site.grants.table("work", READ + WRITE + REMOVE),
                *site.grants.indexes("work", "open"),
                *site.grants.send("push"),
                *site.grants.publish(),
                *site.grants.put_aside("schedules-dlq"),
            ],
            failures=failures,
        )
