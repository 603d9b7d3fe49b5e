"""A work queue with its dead-letter queue, and the function that works it off."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.lib.nag import acknowledge
from infra.lib.python_function import PythonFunction
from infra.lib.queues import make_last_stop, make_queue, oldest_age
from infra.lib.site import Site

BATCH = 10
RECEIVES = 10
"""With a wait that triples from 5 s to 15 minutes these span more than an hour: what passes by itself is over by then, and
no record needs a person."""


class WorkQueue(Construct):
    """Queue ``name`` and ``name-dlq``.

    ``slo_s`` is the age in seconds that the oldest message may reach before somebody is told. ``keep`` is how long
    a message may wait; its dead letters stay two weeks, counted by SQS from the day the message was first sent.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        name: str,
        timeout_s: int,
        slo_s: int,
        keep: cdk.Duration | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = name
        self.dead_letters = make_last_stop(
            self,
            "DeadLetters",
            site=site,
            name=f"{name}-dlq",
            why=f"{RECEIVES} attempts at a message of {name} failed. Read it, mend the cause, then redrive it.",
        )
        self.queue = make_queue(
            self,
            "Queue",
            site=site,
            name=name,
            retention=keep or cdk.Duration.days(4),
            # Six times the function's timeout: a throttled batch is retried by Lambda inside this window, and must
            # not meanwhile be handed to a second copy.
            visibility=cdk.Duration.seconds(6 * timeout_s),
            dead_letters=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=RECEIVES),
        )
        site.desk.alarm(
            f"{name}-too-old",
            oldest_age(self.queue),
            why=f"The oldest message of {name} waits longer than {slo_s} s: its function is down, slow or capped.",
            threshold=slo_s,
            periods=2,
        )


def work_off(
    work: WorkQueue, worker: PythonFunction, site: Site, *, batch: int = BATCH, window_s: int = 0
) -> lambda_.EventSourceMapping:
    """Connect a queue to its function; only the records that failed come back. A batch is handed over at once, or with
    ``window_s`` when that many seconds are over or ``batch`` messages are there.
    """
    mapping = lambda_.EventSourceMapping(
        worker,
        "Source",
        target=worker.function,
        event_source_arn=work.queue.queue_arn,
        batch_size=batch,
        max_batching_window=cdk.Duration.seconds(window_s) if window_s else None,
        report_batch_item_failures=True,
        max_concurrency=site.config.concurrency.queue.get(worker.name),
    )
    acknowledge(
        mapping,
        "Serverless-LambdaEventSourceMappingDestination",
        f"Source of {worker.name} is SQS: AWS takes failure destinations for streams only, here {work.name}-dlq is it.",
    )
    return mapping
