"""Schedules in Tokyo time, with retries and a place for what they could not deliver."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.lib.grants import KEY_USE
from infra.lib.python_function import PythonFunction
from infra.lib.site import Site

TIME_ZONE = "Asia/Tokyo"


@dataclass(frozen=True, slots=True)
class Beat:
    """When a schedule fires (``rate(1 minute)``, ``cron(0 6 * * ? *)``) and how long a late delivery makes sense.

    ``about`` is what else its input says: what the schedule is for, where several call the same function.
    """

    name: str
    expression: str
    attempts: int
    max_age_s: int
    about: Mapping[str, str] = field(default_factory=dict)


class Clockwork(Construct):
    """The schedule group of the deployment and its schedules, each delivering to one function."""

    def __init__(self, scope: Construct, construct_id: str, *, site: Site, failures: sqs.Queue) -> None:
        super().__init__(scope, construct_id)
        self._site = site
        self._failures = failures
        self._group = scheduler.CfnScheduleGroup(self, "Group", name=site.names.prefix)

    def fire(self, worker: PythonFunction, *beats: Beat) -> None:
        """Let the beats call the function, with one role that can call nothing else."""
        if not beats:
            return
        role = self._role(worker)
        for beat in beats:
            schedule = self._schedule(worker, beat, role)
            schedule.add_resource_dependency(self._group)

    def _schedule(self, worker: PythonFunction, beat: Beat, role: iam.Role) -> scheduler.CfnSchedule:
        return scheduler.CfnSchedule(
            self,
            f"{_pascal(worker.name)}{_pascal(beat.name)}",
            name=self._site.names.of(beat.name),
            group_name=self._site.names.prefix,
            description=f"musubi {self._site.config.stage}: calls functions/{worker.name}",
            state="ENABLED" if self._site.config.schedules_enabled else "DISABLED",
            schedule_expression=beat.expression,
            schedule_expression_timezone=TIME_ZONE,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=worker.function.function_arn,
                role_arn=role.role_arn,
                # The business date comes from the schedule, never from the moment a late delivery is handled.
                input=json.dumps(
                    {
                        "schedule": beat.name.replace("-", "_"),
                        "scheduled_at": "<aws.scheduler.scheduled-time>",
                        **beat.about,
                    }
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=self._failures.queue_arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=beat.attempts, maximum_event_age_in_seconds=beat.max_age_s
                ),
            ),
        )

    def _role(self, worker: PythonFunction) -> iam.Role:
        site = self._site
        statements = [
            iam.PolicyStatement(
                sid="Invoke", actions=["lambda:InvokeFunction"], resources=[worker.function.function_arn]
            ),
            iam.PolicyStatement(sid="DeadLetter", actions=["sqs:SendMessage"], resources=[self._failures.queue_arn]),
        ]
        if site.grants.key_arn:
            statements.append(
                iam.PolicyStatement(sid="KeyQueues", actions=list(KEY_USE), resources=[site.grants.key_arn])
            )
        # Only schedules of our own group may wear the role, or any schedule of the account could borrow it.
        ours = {"ArnEquals": {"aws:SourceArn": site.names.schedule_group_arn()}}
        return iam.Role(
            self,
            f"{_pascal(worker.name)}Role",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=ours),
            inline_policies={"Literal": iam.PolicyDocument(statements=statements)},
        )


def _pascal(name: str) -> str:
    return "".join(part.title() for part in name.replace("_", "-").split("-"))
