"""Read what the functions wrote; the embedded AWS keeps it in CloudWatch log groups as AWS does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from local.endpoints import Endpoints
from local.stack.aws import Aws
from local.stack.settings import DEPLOYMENT

_TOKYO = ZoneInfo("Asia/Tokyo")
_GROUP = f"/aws/lambda/{DEPLOYMENT}-"


def read(endpoints: Endpoints, function: str, lines: int) -> Iterator[str]:
    """The last lines of a function by its folder name; without a name, the names.

    Raises LookupError for an unknown one.
    """
    client = Aws.of(endpoints).logs
    pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=_GROUP)
    known = sorted(group["logGroupName"] for page in pages for group in page["logGroups"])
    if not function:
        yield from (name.removeprefix(_GROUP) for name in known)
        return
    group = _GROUP + function
    if group not in known:
        raise LookupError(f"no logs of {function!r}; there are: {', '.join(n.removeprefix(_GROUP) for n in known)}")
    found = [
        (event["timestamp"], event["message"].rstrip())
        for page in client.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    ]
    # A stable sort: lines of one millisecond stay in the order in which they were written.
    for stamp, message in sorted(found, key=lambda line: line[0])[-lines:]:
        yield f"{datetime.fromtimestamp(stamp / 1000, _TOKYO):%H:%M:%S} {message}"
