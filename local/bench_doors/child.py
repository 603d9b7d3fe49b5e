"""One cold start: import a handler, hand it one event, print its status code. Run with `-S`, as bare as a Lambda."""

import importlib
import json
import sys
from typing import Any


class Context:
    """What handlers may ask of Lambda's context."""

    function_name = memory_limit_in_mb = "line_webhook"
    invoked_function_arn = "arn:aws:lambda:local:000000000000:function:line_webhook"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 10_000


def main() -> None:
    """`child.py FOLDER MODULE EVENT_FILE`."""
    folder, module, event_file = sys.argv[1:4]
    sys.path[0] = folder  # in the place of our own folder, where Lambda has /var/task
    handler: Any = importlib.import_module(module)
    with open(event_file, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would count as the handler's import
        event = json.load(file)
    print(handler.lambda_handler(event, Context())["statusCode"], flush=True)


if __name__ == "__main__":
    main()
