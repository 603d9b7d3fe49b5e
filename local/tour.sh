# Small words for the tour in README.md: `. local/tour.sh` after `make up`. Talks only to addresses on this machine.
_py() { PYTHONPATH=layers/core/python .venv/bin/python "$@"; }
# A control call to one of the stand-ins; prints its JSON.
_post() { _py - "$@" <<'PY'
import sys
import httpx
from local.endpoints import load
who, path, body = sys.argv[1:]
answer = httpx.post(f"{getattr(load(), who)}{path}", content=body, headers={"content-type": "application/json"}, timeout=60)
print(answer.text)
sys.exit(answer.is_error)
PY
}
sim() { _post line "/_sim/$1" "${2:-{\}}"; }   # the LINE simulator: local/line/README.md
shop() { _post shop "/_shop/$1" "${2:-{\}}"; } # the demo shop: local/shop/README.md
# One value of the JSON on standard input, by its path: pick order.number
pick() { _py -c 'import json, sys
value = json.load(sys.stdin)
for step in sys.argv[1].split("."):
    value = value[int(step)] if isinstance(value, list) else value[step]
print(value)' "$1"; }
# Wait until nothing moves any more: no message on its way, no Send planned.
settled() { _py -c 'from local.endpoints import load
from local.stack.settle import settle
settle(load(), 60)'; }
# The instant so many days from now, for `make clock`: in_days 6
in_days() { _py -c 'import sys, time
print(time.strftime("%Y-%m-%dT01:30Z", time.gmtime(time.time() + 86400 * int(sys.argv[1]))))' "$1"; }
musubi() { _py -m musubi.cli "$@"; }
