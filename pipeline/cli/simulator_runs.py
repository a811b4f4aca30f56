"""Runs one simulated partner; only the command `simulator` imports this module."""

import asyncio
import secrets
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

import typer
import uvloop

from pipeline.app.supervisor import stop_on_signals
from pipeline.cli.ending import fail
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions as AdobeOptions
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from pipeline.sandbox.adobe_audiences.vocabulary import ContractName
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.any_partner.faults import ProfileName
from pipeline.sandbox.any_partner.loopback import serve_until

STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The address to listen on, and the seed; without a seed one is drawn."""

    host: str
    port: int
    seed: int | None


class _Running(Protocol):
    @property
    def url(self) -> str: ...

    @property
    def token_url(self) -> str: ...


def run_amazon(place: Place, faults: ProfileName, cap: int, cap_window: float) -> None:
    """Run until SIGTERM or SIGINT."""
    options = SimulatorOptions(profile=faults, cap=cap, window_seconds=cap_window)
    _run(
        place,
        lambda random: AmazonAdsSimulator(
            options=options, random=random, host=place.host, port=place.port
        ),
    )


def run_adobe(place: Place, faults: ProfileName, files: Path, contract: ContractName) -> None:
    """Run until SIGTERM or SIGINT."""
    options = AdobeOptions(profile=faults, contract=contract)
    _run(
        place,
        lambda random: AdobeSimulator(
            options=options, files=files, random=random, host=place.host, port=place.port
        ),
    )


def _run(place: Place, made: Callable[[Random], AbstractAsyncContextManager[_Running]]) -> None:
    seed = secrets.randbits(64) if place.seed is None else place.seed
    random = Random(seed)  # noqa: S311 - not for secrets

    async def until_stopped() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop, sys.stderr, STOP_SECONDS)
        await serve_until(stop, made(random), started=_say_where)

    try:
        uvloop.run(until_stopped())
    except OSError as error:
        where = f"{place.host}:{place.port}"
        fail(f"--port: cannot listen on {where}: {error.strerror}; choose another")


def _say_where(running: _Running) -> None:
    typer.echo(f"simulator listens at {running.url}, tokens at {running.token_url}")
