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
UNCLEAR = ("push_sender", "line_events", "sweeper")
SIGNED = ("line_webhook", "shop_webhook", "api")
SCHEDULED = {"due_steps": 3, "sweeper": 3, "daily_alerts": 8, "privacy_requests": 3}
"""Functions that schedules call, with the periods of 5 minutes after which their silence is heard."""


class Operations(Construct):
    """The last construct: it watches all others."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        functions: Sequence[PythonFunction],
        queues: Sequence[WorkQueue],
    ) -> None:
        super().__init__(scope, construct_id)
        self._site = site
        self._functions = functions
        self._watch_schedules()
        self._watch_own_metrics()
        self._watch_polls()
        self._watch_imports()
        self._watch_privacy()
        self._watch_write_backs()
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
        for function in self._functions:
            if function.name in SCHEDULED:
                self._site.desk.alarm(
                    f"{function.name}-silent",
                    function.metric("Invocations"),
                    why=f"{function.name} has not run for {5 * SCHEDULED[function.name]} minutes: are its schedules enabled?",
                    periods=SCHEDULED[function.name],
                    silence=True,
                )

    def _watch_own_metrics(self) -> None:
        workers = (
            "line_events",
            "shop_events",
            "push_sender",
            "alert_shard",
            "log_writer",
            "import_file",
            "due_steps",
            "write_back",
        )
        self._watch(
            "OldestDueAgeSeconds",
            ("due_steps",),
            why=f"A due step waits longer than {OLDEST_DUE_SLO_S} s: due_steps fails or is too slow.",
            threshold=OLDEST_DUE_SLO_S,
            statistic="Maximum",
        )
        self._watch(
            "SendsUnknown",
            UNCLEAR,
            why="LINE never said whether it took a Send. It is not sent again by itself: `musubi unknown list`.",
        )
        self._watch(
            "CircuitOpened",
            ("push_sender",),
            why="LINE refuses the channel (429, 401 or 403): sending pauses. Check token, plan and rate.",
        )
        self._watch(
            "MonthlyLimitHit",
            ("push_sender",),
            why="LINE's messages of this month are used up. Sends wait for the next one, or for `musubi resume --over-limit`.",
        )
        self._watch(
            "SendsRejected",
            ("push_sender", "line_events"),
            why="LINE refused a Send for good, or its template could not be rendered: `musubi explain` has the words.",
        )
        self._watch(
            "EnqueueFailed",
            ("line_webhook", "shop_webhook"),
            why="A verified webhook was answered 500, because its queue or bucket did not take it. Its sender may repeat it.",
        )
        self._watch(
            "SignatureRefused",
            SIGNED,
            why="Several requests came with a wrong signature: a rotated secret, or somebody is trying.",
            threshold=REFUSED_SIGNATURES,
        )
        self._watch(
            "Quarantined",
            workers,
            why="A record that can never succeed was put into quarantine with its raw body.",
        )
        self._watch(
            "RecordsCrashed",
            workers,
            why="A record met an error that nobody foresaw. It is retried and then goes to the dead letters.",
        )

    def _watch_polls(self) -> None:
        self._watch(
            "PollsRefused",
            ("poll_shop",),
            why="A shop refuses to be asked: its key, rights or base URL. `musubi polls list` says what it answered.",
        )
        self._watch(
            "PollsFailed",
            ("poll_shop",),
            why="A shop could not be asked three hours in a row, it is down or busy. `musubi polls list` says what it said.",
            periods=3,
            minutes=60,
        )
        self._watch(
            "SilentShops",
            ("poll_shop",),
            why=f"No webhook of a shop for {self._site.config.polls.silence_hours} h, while polls found changes: its "
            "webhooks are off, or blocked on the way. `musubi polls list` names it; polls stand in for them meanwhile.",
            minutes=60,
        )

    def _watch_imports(self) -> None:
        self._watch(
            "ImportsRefused",
            ("import_file",),
            why="A dropped table can not be read at all. Its report under reports/ in the imports bucket says why.",
        )
        self._watch(
            "ImportRowsRefused",
            ("import_file",),
            why="Rows of a dropped table were not taken. Its report under reports/ in the imports bucket names their lines.",
        )

    def _watch_privacy(self) -> None:
        self._watch(
            "PrivacyRequestsLate",
            ("privacy_requests",),
            why="A privacy request failed, or its legal deadline is within a week: `musubi privacy list`.",
        )
        self._watch(
            "PrivacyWaitsForOperator",
            ("privacy_requests",),
            why="An export is ready to be handed over, or the erasure of a shop waits for approval: `musubi privacy list`.",
        )

    def _watch_write_backs(self) -> None:
        self._watch(
            "WritesUnknown",
            ("write_back",),
            why="A shop never said whether it granted points. It is not asked again by itself: `musubi write-backs list`.",
        )

    def _watch(
        self,
        metric: str,
        functions: Sequence[str],
        *,
        why: str,
        threshold: float = 0,
        statistic: str = "Sum",
        minutes: int = 5,
        periods: int = 1,
    ) -> None:
        """Make one alarm per function, so that the alarm itself says which one to look at."""
        for function in functions:
            self._site.desk.alarm(
                f"{function}-{_dashed(metric)}",
                self._own(metric, function, statistic, minutes),
                why=why,
                threshold=threshold,
                periods=periods,
            )

    def _own(self, name: str, function: str, statistic: str = "Sum", minutes: int = 5) -> cw.Metric:
        """Return one of musubi's own metrics; its only dimension is the function that emits it."""
        return cw.Metric(
            namespace="musubi",
            metric_name=name,
            dimensions_map={"service": self._site.names.of(function)},
            statistic=statistic,
            period=cdk.Duration.minutes(minutes),
        )

    def _dashboard(self, queues: Sequence[WorkQueue]) -> None:
        board = cw.Dashboard(self, "Dashboard", dashboard_name=self._site.names.prefix)
        board.add_widgets(cw.AlarmStatusWidget(title="Alarms", alarms=list(self._site.desk.alarms), width=24, height=6))
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
            _graph("Oldest due step (s)", [self._own("OldestDueAgeSeconds", "due_steps", "Maximum")]),
            _graph("Sends of unknown fate", [self._own("SendsUnknown", each) for each in UNCLEAR]),
            _graph("Refused signatures", [self._own("SignatureRefused", each) for each in SIGNED]),
        )


def _graph(title: str, metrics: list[cw.IMetric]) -> cw.GraphWidget:
    return cw.GraphWidget(title=title, left=metrics, width=8, height=6)


def _dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
