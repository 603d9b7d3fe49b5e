"""Operations: alarms on what musubi measures about itself, and the dashboard."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cw
from constructs import Construct

from infra.lib.python_function import PythonFunction
from infra.lib.queue_worker import WorkQueue
from infra.lib.queues import oldest_age, visible
from infra.lib.site import Site

OLDEST_DUE_SLO_S = 300
REFUSED_SIGNATURES = 10


class Operations(Construct):
    """The last construct: it watches all others."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        site: Site,
        functions: Sequence[PythonFunction],
        queues: Sequence[WorkQueue],
    ) -> None:
        super().__init__(scope, id)
        self._site = site
        self._functions = functions
        self._watch_schedules()
        self._watch_own_metrics()
        self._dashboard(queues)

    def _watch_schedules(self) -> None:
        for name, why in (
            ("InvocationDroppedCount", "Scheduler gave up on a run after all retries; it is in schedules-dlq."),
            ("TargetErrorCount", "Scheduler could not call a function; a missing run is caught up, a row is a fault."),
        ):
            metric = cw.Metric(
                namespace="AWS/Scheduler",
                metric_name=name,
                dimensions_map={"ScheduleGroup": self._site.names.prefix},
                statistic="Sum",
                period=cdk.Duration.minutes(5),
            )
            periods = 1 if name == "InvocationDroppedCount" else 3
            self._site.desk.alarm(f"schedules-{_dashed(name)}", metric, why=why, periods=periods)

    def _watch_own_metrics(self) -> None:
        alarm = self._site.desk.alarm
        workers = ("line_events", "shop_events", "push_sender", "alert_shard")
        alarm(
            "oldest-due-age",
            self.own("OldestDueAgeSeconds", ["due_steps"], "Maximum"),
            why=f"A due step waits longer than {OLDEST_DUE_SLO_S} s: due_steps fails, is too slow, or does not run.",
            threshold=OLDEST_DUE_SLO_S,
            periods=2,
        )
        alarm(
            "sends-unknown",
            self.own("SendsUnknown", ["push_sender", "sweeper"]),
            why="LINE never said whether it took a Send. It is not sent again by itself: `musubi unknown list`.",
        )
        alarm(
            "circuit-opened",
            self.own("CircuitOpened", ["push_sender", "line_events"]),
            why="LINE refuses the channel (429, 401 or 403): sending pauses. Check token, plan and rate.",
        )
        alarm(
            "signature-refused",
            self.own("SignatureRefused", ["line_webhook", "shop_webhook", "api"]),
            why="Several requests came with a wrong signature: a rotated secret, or somebody is trying.",
            threshold=REFUSED_SIGNATURES,
        )
        alarm(
            "quarantined",
            self.own("Quarantined", [*workers, "due_steps"]),
            why="A record that can never succeed was put into quarantine with its raw body.",
        )
        alarm(
            "records-crashed",
            self.own("RecordsCrashed", [*workers, "due_steps"]),
            why="A record met an error that nobody foresaw. It is retried and then goes to the dead letters.",
        )

    def own(self, name: str, functions: Sequence[str], statistic: str = "Sum") -> cw.IMetric:
        """Return one of musubi's own metrics, summed over the functions that emit it (the worst, for a maximum)."""
        metrics = {
            f"m{index}": cw.Metric(
                namespace="musubi",
                metric_name=name,
                dimensions_map={"service": self._site.names.of(function)},
                statistic=statistic,
                period=cdk.Duration.minutes(5),
                label=function,
            )
            for index, function in enumerate(functions)
        }
        if len(metrics) == 1:
            return metrics["m0"]
        terms = " + ".join(f"FILL({key}, 0)" for key in metrics)
        return cw.MathExpression(
            expression=terms, using_metrics=dict(metrics), period=cdk.Duration.minutes(5), label=name
        )

    def _dashboard(self, queues: Sequence[WorkQueue]) -> None:
        board = cw.Dashboard(self, "Dashboard", dashboard_name=self._site.names.prefix)
        board.add_widgets(
            cw.AlarmStatusWidget(title="Alarms", alarms=list(self._site.desk.alarms), width=24, height=6)
        )
        board.add_widgets(
            _graph("Waiting messages", [visible(each.queue) for each in queues]),
            _graph("Oldest message (s)", [oldest_age(each.queue) for each in queues]),
            _graph("Dead letters", [visible(each.dead_letters) for each in queues]),
        )
        board.add_widgets(
            _graph("Invocations", [each.metric("Invocations") for each in self._functions]),
            _graph("Errors", [each.metric("Errors") for each in self._functions]),
            _graph("Duration p95 (ms)", [each.metric("Duration", "p95") for each in self._functions]),
        )
        board.add_widgets(
            _graph("Oldest due step (s)", [self.own("OldestDueAgeSeconds", ["due_steps"], "Maximum")]),
            _graph("Sends of unknown fate", [self.own("SendsUnknown", ["push_sender", "sweeper"])]),
            _graph("Refused signatures", [self.own("SignatureRefused", ["line_webhook", "shop_webhook", "api"])]),
        )


def _graph(title: str, metrics: list[cw.IMetric]) -> cw.GraphWidget:
    return cw.GraphWidget(title=title, left=metrics, width=8, height=6)


def _dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
