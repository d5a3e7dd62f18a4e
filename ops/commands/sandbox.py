"""`sandbox`: the partner on one's own desk. What is done with a running one is a command below it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.refused import Refused
from ops.render.output import DataOption, JsonOption, load, write_json
from ops.sandbox.check import check_command
from ops.sandbox.load import load_command

__all__ = ["register"]

DAY = 86_400.0
group = typer.Typer(invoke_without_command=True, help="Run the emulated partner.")


def register(app: typer.Typer) -> None:
    group.command("load")(load_command)
    group.command("check")(check_command)
    app.add_typer(group, name="sandbox")


@group.callback()
def sandbox(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8780,
    speed: Annotated[str, typer.Option(help="How fast its clock runs, such as 3600x.")] = "1x",
    lag: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="How far back its clock starts [default: 30 when fast]."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep its state there [default: in memory].")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**62, help="Makes a run repeatable [default: drawn].")
    ] = None,
    callback_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where callbacks go [default: the receiver of the data folder]."),
    ] = None,
    live_callback_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The same, for live customers.")
    ] = None,
    callback_timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one callback.")] = 10.0,
    profile: Annotated[
        str, typer.Option(help="How it behaves: calm, lossy, hostile, black-friday, or a .toml file.")
    ] = "calm",
    live_contract: Annotated[
        bool, typer.Option("--live-contract", help="Also what the partner has beyond its reference.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the emulated partner: point a client at it, and real callbacks come."""
    if context.invoked_subcommand:
        return
    from ops.render.console import notes
    from ops.sandbox.customers import customers_of
    from sandbox.profile import ProfileError, load_profile
    from sandbox.server import Options, run
    from sandbox.time_source import parse_speed
    from sandbox.world import StateError

    settings = load(data).require("sandbox")
    try:
        fast = parse_speed(speed)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--speed") from None
    test_url = callback_url or settings.sandbox_callback_url
    live_url = live_callback_url or settings.sandbox_live_callback_url
    try:
        behaves = load_profile(profile)
    except ProfileError as error:
        raise typer.BadParameter(str(error), param_hint="--profile") from None
    options = Options(
        customers=(
            *customers_of(settings, "sandbox", settings.sandbox_keys, test_url),
            *customers_of(settings, "live", settings.sandbox_live_keys, live_url),
        ),
        speed=fast,
        lag=None if lag is None else lag * DAY,
        seed=seed,
        state=state,
        live_contract=live_contract,
        callback_timeout=callback_timeout,
        profile=behaves,
    )
    if not any(customer.callbacks for customer in options.customers):
        notes.print("no callback URL is known: nothing will be sent (--callback-url says where)")
    if as_json:
        write_json({"sandbox": f"http://{host}:{port}"})
    try:
        run(options, host, port)
    except (StateError, ValueError) as error:
        raise Refused(str(error)) from None
