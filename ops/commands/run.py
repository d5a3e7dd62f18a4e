"""`up`, and the processes that it starts: web, worker, beat, flower; and migrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.local.children import become, module
from ops.render.output import DataOption, JsonOption, load, write_json
from settings import use_data_folder

__all__ = ["register"]

HostOption = Annotated[str, typer.Option(help="The address to listen on.")]
PORT = typer.Option(min=1, max=65535)


def register(app: typer.Typer) -> None:
    for command in (up, web, worker, beat, flower, migrate):
        app.command()(command)


def up(
    data: DataOption = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="The receiver's port [default: as before, else 8700, else a free one]."
        ),
    ] = None,
    no_sandbox: Annotated[bool, typer.Option("--no-sandbox", help="Without the emulated partner.")] = False,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write addresses, settings and pids there once everything answers."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run everything: servers, migrations, receiver, worker, beat, Flower, the sandbox. Ctrl-C stops it."""
    from ops.local.up import run

    folder = use_data_folder(data)
    code = run(folder, port=port, ready_file=ready_file, as_json=as_json, sandbox=not no_sandbox)
    raise typer.Exit(code)


def web(
    host: HostOption = "127.0.0.1",
    port: Annotated[int, PORT] = 8700,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the receiver."""
    settings = load(data).require("database", "broker", "sealing", "receiver")
    from ingest.server import run
    from store.db.connections import refuse_unsaid_pooler
    from workers.celery.hints import HintPublisher

    refuse_unsaid_pooler(settings.database)

    _announce({"receiver": f"http://{host}:{port}"}, as_json)
    publisher = HintPublisher()
    publisher.start()
    try:
        run(settings, host=host, port=port, publish=publisher.publish)
    finally:
        publisher.stop()


def worker(
    concurrency: Annotated[int, typer.Option(min=1, help="Processes of the pool.")] = 2,
    loglevel: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    name: Annotated[str, typer.Option(help="The node's name; %h is the host's.")] = "worker@%h",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a Celery worker: it applies what has come in, and sweeps."""
    settings = load(data).require("database", "broker", "sealing")
    from store.db.connections import refuse_unsaid_pooler

    refuse_unsaid_pooler(settings.database)
    _announce({"worker": name}, as_json)
    arguments = ["-q", "-A", "workers.celery.app", "worker", "-E", "--without-gossip", "--without-mingle"]
    options = [f"--concurrency={concurrency}", f"--loglevel={loglevel}", f"--hostname={name}"]
    # A supervisor's SIGTERM begins the soft shutdown: what is under way ends or goes back in time.
    become(module("celery", *arguments, *options), {"REMAP_SIGTERM": "SIGQUIT"})


def beat(
    loglevel: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run Celery beat: it says when to sweep. One is enough; two do no harm."""
    settings = load(data).require("broker")
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    schedule = settings.data_dir / "beat-schedule"
    _announce({"schedule": str(schedule)}, as_json)
    become(
        module(
            "celery",
            "-q",
            "-A",
            "workers.celery.app",
            "beat",
            f"--loglevel={loglevel}",
            f"--schedule={schedule}",
        )
    )


def flower(
    address: HostOption = "127.0.0.1",
    port: Annotated[int, PORT] = 5555,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run Flower, read-only and behind a password: it watches the workers."""
    settings = load(data).require("broker", "flower")
    from ops.flower import run

    _announce({"flower": f"http://{address}:{port}"}, as_json)
    run(settings, address=address, port=port)


def migrate(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Bring the schema to head."""
    database = load(data).require("database").database
    from ops.render.console import notes, screen
    from store.db.migrate import head, upgrade

    with notes.status("migrating"):
        upgrade(database)
    if as_json:
        write_json({"revision": head()})
    else:
        screen.print(f"the schema is at {head()}")


def _announce(document: dict[str, str], as_json: bool) -> None:
    if as_json:
        write_json(document)
