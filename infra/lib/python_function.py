"""One Lambda function with a role, a log group and alarms of its own."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cw
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import ConfigError
from infra.lib.grants import WILDCARDS, merged
from infra.lib.nag import acknowledge, finding
from infra.lib.retention import retention
from infra.lib.site import Site, architecture, runtime

LATEST_PYTHON = "3.14"


class PythonFunction(Construct):
    """``functions/<name>/handler.py`` with exactly the statements it is given.

    ``failures`` is the queue for invocations that Lambda gives up on after ``retries``; only asynchronous sources
    have such. ``content`` adds the layer with the shop's own content. ``requeues`` says that the function may put a
    message back into its own queue, on purpose and with a delay.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        name: str,
        timeout_s: int,
        memory_mb: int,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        failures: sqs.IQueue | None = None,
        retries: int = 0,
        content: bool = False,
        requeues: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = name
        self.timeout_s = timeout_s
        self._site = site
        self.log_group = self._log_group()
        self.role = self._role(statements)
        code = site.config.functions_dir / name
        if not (code / "handler.py").is_file():
            raise ConfigError(f"no handler at {code}/handler.py")
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=site.names.of(name),
            description=f"musubi {site.config.stage}: functions/{name}",
            runtime=runtime(site.config),
            architecture=architecture(site.config),
            handler="handler.lambda_handler",
            code=lambda_.Code.from_asset(str(code), exclude=["__pycache__", "*.md"]),
            layers=[site.layers[layer] for layer in (("core", "deps", "content") if content else ("core", "deps"))],
            timeout=cdk.Duration.seconds(timeout_s),
            memory_size=memory_mb,
            environment={**self._common_environment(), **environment},
            # The role is complete: whatever the CDK would add by itself is not part of it.
            role=self.role.without_policy_updates(),
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            reserved_concurrent_executions=site.config.concurrency.reserved.get(name),
            # Lambda stops what it takes for an endless loop after some sixteen rounds and drops the message.
            recursive_loop=lambda_.RecursiveLoop.ALLOW if requeues else None,
            on_failure=None if failures is None else destinations.SqsDestination(failures),
            retry_attempts=None if failures is None else retries,
            max_event_age=None if failures is None else cdk.Duration.hours(1),
        )
        self._alarms()
        self._acknowledge(statements, failures is not None)

    def _common_environment(self) -> dict[str, str]:
        return {
            "STAGE": self._site.config.stage,
            "DEPLOYMENT": self._site.config.deployment,
            "LOG_LEVEL": self._site.config.log_level,
            # The deployment is part of it: two stages in one account must not feed each other's alarms.
            "POWERTOOLS_SERVICE_NAME": self._site.names.of(self.name),
            "POWERTOOLS_METRICS_NAMESPACE": "musubi",
        }

    def _log_group(self) -> logs.LogGroup:
        config = self._site.config
        return logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{self._site.names.of(self.name)}",
            retention=retention(config.log_days),
            encryption_key=self._site.key,
            # A kept group would stand in the way of the next deployment of the stack, which needs the same name.
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    def _role(self, statements: Sequence[iam.PolicyStatement]) -> iam.Role:
        grants = self._site.grants
        everything = [*grants.logs(self.log_group.log_group_arn), *statements]
        return iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Literal": iam.PolicyDocument(statements=merged(everything))},
        )

    def metric(self, name: str, statistic: str = "Sum", minutes: int = 5) -> cw.Metric:
        """Return a metric that Lambda itself keeps about this function."""
        return cw.Metric(
            namespace="AWS/Lambda",
            metric_name=name,
            dimensions_map={"FunctionName": self.function.function_name},
            statistic=statistic,
            period=cdk.Duration.minutes(minutes),
        )

    def _alarms(self) -> None:
        where = f"Log group /aws/lambda/{self._site.names.of(self.name)}."
        desk = self._site.desk
        desk.alarm(f"{self.name}-errors", self.metric("Errors"), why=f"{self.name} crashed or timed out. {where}")
        desk.alarm(
            f"{self.name}-throttles",
            self.metric("Throttles"),
            why=f"{self.name} was refused by Lambda: the account's or its reserved concurrency is used up.",
        )

    def _acknowledge(self, statements: Sequence[iam.PolicyStatement], asynchronous: bool) -> None:
        for statement in statements:
            reason = WILDCARDS.get(statement.sid or "")
            for resource in statement.resources if reason else ():
                if resource.endswith("*"):
                    acknowledge(self.role, finding(self, resource), f"Role of {self.name} {reason}.")
        dead_letter = (
            f"Function {self.name} has a failure destination, which also keeps the error; a second copy helps nobody."
            if asynchronous
            else f"Function {self.name} is never called asynchronously: its caller or its queue keeps what failed."
        )
        acknowledge(self.function, "Serverless-LambdaDLQ", dead_letter)
        acknowledge(
            self.function,
            "Serverless-LambdaTracing",
            f"Function {self.name}: X-Ray's permissions take no resource, and its log lines carry the ids to follow.",
        )
        if self._site.config.python != LATEST_PYTHON:
            why = (
                f"Function {self.name} runs the Python that its layers are compiled for; {LATEST_PYTHON} starts slower "
                "and the layers would fall back to compiling on every cold start."
            )
            acknowledge(self.function, "AwsSolutions-L1", why)
            acknowledge(self.function, "Serverless-LambdaLatestVersion", why)
