"""`python -m bench.serve NAME PORT`: an opponent of the receiver, under the receiver's uvicorn settings."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette

from ingest import server
from settings import Settings


def application(name: str, settings: Settings) -> Starlette:
    """Imports only what it serves, so that each process holds its own part alone."""
    if name == "reference":
        from bench import reference_app

        return reference_app.build(settings)
    if name == "one_commit":
        from bench import one_commit

        return one_commit.build(settings)
    from bench import tutorial

    return tutorial.build(settings)


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    uvicorn.run(
        application(name, Settings.load()),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=server.BACKLOG,
        timeout_keep_alive=server.KEEP_ALIVE_SECONDS,
    )


if __name__ == "__main__":
    main()
