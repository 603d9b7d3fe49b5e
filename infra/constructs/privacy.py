"""Privacy: people are erased and exported by a function of its own, the only one that may read all of somebody."""

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.lib.grants import QUERY, READ, REMOVE, SCAN, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.schedule import Beat, Clockwork
from infra.lib.site import Site


class Privacy(Construct):
    """``rate(5 minutes)`` → ``privacy_requests``."""

    def __init__(
        self, scope: Construct, construct_id: str, *, site: Site, clockwork: Clockwork, failures: sqs.Queue
    ) -> None:
        super().__init__(scope, construct_id)
        grants = site.grants
        self.worker = PythonFunction(
            self,
            "PrivacyRequests",
            site=site,
            name="privacy_requests",
            timeout_s=55,
            memory_mb=512,
            environment={
                "PEOPLE_TABLE": site.names.of("people"),
                "WORK_TABLE": site.names.of("work"),
                "CLAIM_BUCKET": site.names.claims_bucket(),
                "CLOCK": site.config.clock,
            },
            statements=[
                *grants.table("people", READ + QUERY + SCAN + WRITE + REMOVE),
                *grants.indexes("people", "member"),
                *grants.table("work", READ + WRITE + REMOVE),
                *grants.indexes("work", "open", "person"),
                *grants.put_claims("privacy-exports"),
                *grants.put_aside("schedules-dlq"),
            ],
            failures=failures,
        )
        # What a run leaves undone the next one goes on with: a late delivery is worth nothing.
        clockwork.fire(self.worker, Beat("privacy-requests", "rate(5 minutes)", attempts=2, max_age_s=300))
