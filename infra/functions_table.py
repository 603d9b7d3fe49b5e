"""Writes ``functions/README.md`` from the synthesised template: ``python -m infra.functions_table``.

What the table says is what is deployed; a test compares the two.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk

from infra.app import build, context
from infra.config import ROOT
from infra.lib.site import LAYERS
from infra.lib.template import Function, Resource, Template, as_list, functions_of
from infra.stages import load

README = ROOT / "functions" / "README.md"
PREFIX = "musubi-prod"

_HEAD = """\
# Functions

One folder per event source; each holds a thin `handler.py`. This table is written from the template of stage `prod` by
`python -m infra.functions_table`, and a test compares it with what the CDK app synthesises.

* *Retries* says who tries again, and where a record ends that nobody could handle.
* *May* lists every right of the function's role. Besides these it may write to its own log group, and use the
  customer's key where a stage has one.
* *Alarms* lead to the topic `musubi-<stage>-alarms`; the name of each begins with `musubi-<stage>-`.

| function | source | s / MB | retries | may | alarms |
| --- | --- | --- | --- | --- | --- |
"""


_NO_SHOP = (
    "`rate(1 hour)` for each of `shop_apis`; `prod` names none",
    "1 by Scheduler, 0 by Lambda, then `schedules-dlq`",
)


def render(template: Template, prefix: str = PREFIX) -> str:
    """Return the text of ``functions/README.md`` for a stateless template."""
    functions = functions_of(template, prefix)
    rows = (_row(template, functions[name], prefix) for name in sorted(functions))
    return _HEAD + "\n".join(rows) + "\n"


def _row(template: Template, function: Function, prefix: str) -> str:
    sources = [*_queues(template, function, prefix), *_routes(template, function), *_schedules(template, function)]
    sources = sources or [_NO_SHOP]
    what = "<br>".join(dict.fromkeys(source for source, _ in sources))
    retries = "<br>".join(dict.fromkeys(retry for _, retry in sources))
    rights = "<br>".join(_rights(function, prefix))
    alarms = ", ".join(sorted(_alarms(template, function, prefix)))
    size = f"{function.timeout} / {function.memory}"
    return f"| `{function.name}` | {what} | {size} | {retries} | {rights} | {alarms} |"


def _queues(template: Template, function: Function, prefix: str) -> list[tuple[str, str]]:
    rows = []
    for mapping in template.of_type("AWS::Lambda::EventSourceMapping"):
        if mapping.properties["FunctionName"] != function.physical_name:
            continue
        queue = queue_of(template, mapping)
        redrive = queue.properties["RedrivePolicy"]
        name = queue.properties["QueueName"].removeprefix(f"{prefix}-")
        dead = redrive["deadLetterTargetArn"].rpartition(":")[2].removeprefix(f"{prefix}-")
        window = mapping.properties.get("MaximumBatchingWindowInSeconds")
        collected = f" collected for {window} s" if window else ""
        source = f"SQS `{name}`, {mapping.properties['BatchSize']} a batch{collected}"
        receives, wait = redrive["maxReceiveCount"], queue.properties["VisibilityTimeout"]
        apart = f"{wait} s apart after a crash, up to 15 min otherwise"
        rows.append((source, f"{receives} receives, {apart}, then `{dead}`"))
    return rows


def queue_of(template: Template, mapping: Resource) -> Resource:
    """Return the queue that an event source mapping polls."""
    arn = mapping.properties["EventSourceArn"]
    name = arn.rpartition(":")[2]
    return next(each for each in template.of_type("AWS::SQS::Queue") if each.properties["QueueName"] == name)


def _routes(template: Template, function: Function) -> list[tuple[str, str]]:
    integrations = {
        each.id
        for each in template.of_type("AWS::ApiGatewayV2::Integration")
        if each.raw["Properties"]["IntegrationUri"] == {"Fn::GetAtt": [function.id, "Arn"]}
    }
    return [
        (f"`{route.properties['RouteKey']}`", "none; the caller asks again")
        for route in template.of_type("AWS::ApiGatewayV2::Route")
        if any(each in str(route.raw["Properties"]["Target"]) for each in integrations)
    ]


def _schedules(template: Template, function: Function) -> list[tuple[str, str]]:
    invoke = {
        each.properties["FunctionName"]: each.properties for each in template.of_type("AWS::Lambda::EventInvokeConfig")
    }
    rows = []
    for schedule in template.of_type("AWS::Scheduler::Schedule"):
        target = schedule.properties["Target"]
        if target["Arn"].rpartition(":")[2] != function.physical_name:
            continue
        zone = schedule.properties["ScheduleExpressionTimezone"]
        own = invoke[function.physical_name]["MaximumRetryAttempts"]
        attempts = target["RetryPolicy"]["MaximumRetryAttempts"]
        rows.append(
            (
                f"`{schedule.properties['ScheduleExpression']}` {zone}",
                f"{attempts} by Scheduler, {own} by Lambda, then `schedules-dlq`",
            )
        )
    return rows


def _rights(function: Function, prefix: str) -> list[str]:
    rows = []
    for statement in function.statements:
        if statement["Sid"] == "Logs" or statement["Sid"].startswith("Key"):
            continue
        actions = ", ".join(action.partition(":")[2] for action in statement["Action"])
        service = statement["Action"][0].partition(":")[0]
        names = [_short(arn, prefix) for arn in statement["Resource"]]
        rows.append(f"{service} {actions}: {', '.join(names)}")
    return rows


def _short(arn: str, prefix: str) -> str:
    resource = arn.split(":", 5)[5]
    for start in ("table/", "event-bus/", "parameter/musubi/prod/"):
        resource = resource.removeprefix(start)
    bucket, slash, key = resource.partition("/")
    for name in ("claims", "history", "imports"):
        if bucket.startswith(f"{prefix}-{name}-"):
            return f"`{name}{slash}{key}`"
    if resource == "key/*":
        return "these parameters, whatever key the operator chose"
    return f"`{resource.removeprefix(f'{prefix}-')}`" if resource != prefix else "our bus"


def _alarms(template: Template, function: Function, prefix: str) -> list[str]:
    watched = {function.physical_name}
    for mapping in template.of_type("AWS::Lambda::EventSourceMapping"):
        if mapping.properties["FunctionName"] == function.physical_name:
            queue = queue_of(template, mapping).properties["QueueName"]
            watched |= {queue, f"{queue}-dlq"}
    return [
        alarm.properties["AlarmName"].removeprefix(f"{prefix}-")
        for alarm in template.of_type("AWS::CloudWatch::Alarm")
        if watched & {each["Value"] for each in as_list(alarm.properties.get("Dimensions", []))}
        or alarm.properties["AlarmName"].startswith(f"{function.physical_name}-")
    ]


def main() -> None:
    """Synthesise ``prod`` with empty layers and write the file."""
    with tempfile.TemporaryDirectory() as folder:
        for layer in LAYERS:
            (Path(folder) / layer).mkdir()
            (Path(folder) / layer / "empty").touch()
        app = cdk.App(outdir=f"{folder}/out", context=context())
        _, stateless = build(app, replace(load("prod"), layers_dir=Path(folder)))
        raw = app.synth().get_stack_by_name(stateless.stack_name).template
    README.write_text(render(Template(raw)), encoding="utf-8")
    sys.stderr.write(f"wrote {README.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
