"""`python -m bench.book PORT EVENTS`: a partner that gives so many NOTIFY_RX by pages, as it documents them.

One event a second, so that their times tell their order; a page's token is the number of its first event.
"""

from __future__ import annotations

import socketserver
import sys
import time
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

__all__ = ["PAGE", "page"]

#: Events a page, the partner's own most.
PAGE = 100
#: The first event is so many seconds old.
AGE = 7 * 86_400

_ROW = (
    b'{"payload":{"timestamp":%d,"callback_type":"NOTIFY_RX","details":{"medication_name":"Alprazolam 1 mg '
    b'tablet","prescriber":"Dr. P. Scribe","prescription_token":"rx%010x","patient_token":"patient%09x",'
    b'"patient_token_duplicates":[],"merged_patients":[],"location":"hayward","rx_link":"rxl_%024x"}},'
    b'"delivery_data":{"status":"success","status_code":200}}'
)
#: Prescriptions of one patient.
_OF_A_PATIENT = 3


def page(first: int, events: int, start: int) -> bytes:
    """The body of the page that begins with this event, counted from 0."""
    end = min(first + PAGE, events)
    rows = b",".join([_ROW % (start + n, n, n // _OF_A_PATIENT, n) for n in range(first, end)])
    token = b'"%d"' % end if end < events else b"null"
    return b'{"results":[%s],"next_page_token":%s}' % (rows, token)


def _first(query: Mapping[str, list[str]], start: int) -> int:
    """The number of the first event of what is asked for."""
    if "next" in query:
        return int(query["next"][0])
    operator, _, value = query.get("timestamp", ["$gte:0"])[0].partition(":")
    since = int(value) + (operator == "$gt")
    return max(0, since - start)


def main() -> None:
    port, events = int(sys.argv[1]), int(sys.argv[2])
    start = int(time.time()) - AGE

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            while line := self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                query = parse_qs(urlsplit(line.split()[1].decode()).query)
                body = page(_first(query, start), events, start)
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                self.wfile.write(head % len(body) + body)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
