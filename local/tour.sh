# Small words for the tour in README.md: `. local/tour.sh` after `make up`. Talks only to addresses on this machine.
_at() { .venv/bin/python -c "import json,os;print(json.load(open(os.path.join(os.environ.get('MUSUBI_LOCAL_DIR','.local'),'endpoints.json')))['$1'])"; }
_post() { curl -fsS -X POST -H 'content-type: application/json' --data "$2" "$1"; }
sim() { _post "$(_at line)/_sim/$1" "$2"; }   # a control call to the LINE simulator
shop() { _post "$(_at shop)/_shop/$1" "$2"; } # a control call to the demo shop
# One value of the JSON on standard input, by its path: pick order.number
pick() { .venv/bin/python -c "import json,sys;v=json.load(sys.stdin)
for k in '$1'.split('.'): v=v[int(k)] if isinstance(v,list) else v[k]
print(v)"; }
musubi() { PYTHONPATH=layers/core/python .venv/bin/python -m musubi.cli "$@"; }
