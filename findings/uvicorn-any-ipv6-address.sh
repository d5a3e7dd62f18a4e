#!/usr/bin/env bash
# uvicorn 0.54.0: `--host ::` takes IPv4 connections with two workers, and refuses them with one.
#
# With one process the socket is made by asyncio (or uvloop), which sets IPV6_V6ONLY on each IPv6 socket whatever
# the system's default is. With more of them uvicorn makes it itself and leaves the default, which on Linux lets
# IPv4 in. So a service that was tried with workers, and is then run as one process in a container, answers on ::1
# and no longer on 127.0.0.1, where a health check may look; nothing in the log differs. For both with one process
# an empty host (`--host ""`) makes two sockets. Seen with uvicorn 0.54.0 on Python 3.11, Linux.
set -euo pipefail
folder=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvicorn==0.54.0

cat > "$folder/app.py" <<'PYTHON'
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
PYTHON
cat > "$folder/ask.py" <<'PYTHON'
import http.client
import sys
import time

port = int(sys.argv[1])
for host in ("::1", "127.0.0.1"):
    end = time.monotonic() + (15 if host == "::1" else 1)
    while True:
        try:
            connection = http.client.HTTPConnection(host, port, timeout=5)
            connection.request("GET", "/")
            print(host, connection.getresponse().status)
            break
        except OSError as error:
            if time.monotonic() > end:
                print(host, type(error).__name__)
                break
            time.sleep(0.1)
PYTHON

run() {
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$folder/venv/bin/python" -m uvicorn --app-dir "$folder" app:app --host :: --port "$port" \
        --workers "$1" --log-level warning --lifespan off &
    pid=$!
    echo "workers $1: $("$folder/venv/bin/python" "$folder/ask.py" "$port" | paste -sd, -)"
    kill "$pid"
    wait "$pid" 2>/dev/null || true
    pid=
}
run 1 > "$folder/seen"
run 2 >> "$folder/seen"
cat "$folder/seen"
expected='workers 1: ::1 204,127.0.0.1 ConnectionRefusedError
workers 2: ::1 204,127.0.0.1 204'
test "$(cat "$folder/seen")" = "$expected"
