"""How a command ends: with what it found, or with one line that says what is wrong."""

import traceback
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer
import uvloop

from pipeline.app.admin import AdminAddressError
from pipeline.app.exit_code import ExitCode
from pipeline.destinations.control import CommandFailed, InvalidRequest
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topics import TopicTrouble
from pipeline.operations.audiences.lock_file import LockUnwritable
from pipeline.operations.trouble import OperationFailed, UsageRefused
from pipeline.operations.warm_up import StartRefused
from pipeline.settings.problems import SettingsError

Found = TypeVar("Found")

WRONG_USAGE = (InvalidRequest, UsageRefused)
TROUBLE = (
    *(AdminAddressError, ClusterTrouble, CommandFailed, LockUnwritable),
    *(OperationFailed, SettingsError, StartRefused, TopicTrouble),
)


def ended(work: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
    """Run the work and return its result; on errors, print a line for each and exit."""
    with_usage = False
    try:
        return uvloop.run(work())
    except Exception as error:  # noqa: BLE001 - the one place where every command ends
        for leaf in leaves(error):
            with_usage = with_usage or isinstance(leaf, WRONG_USAGE)
            typer.echo(f"error: {_explained(leaf)}", err=True)
    raise typer.Exit(ExitCode.USAGE if with_usage else ExitCode.FAILED)


def checked(made: Callable[[], Found]) -> Found:
    """Call `made` and return its result; if it refuses, print the reason and exit."""
    try:
        return made()
    except WRONG_USAGE as error:
        fail(str(error), ExitCode.USAGE)
    except OperationFailed as error:
        fail(str(error))


def fail(message: str, code: ExitCode = ExitCode.FAILED) -> NoReturn:
    """Print one error line and exit."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Every single error inside nested exception groups."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def _explained(error: BaseException) -> str:
    """The message of one of our errors; for a foreign error only its type and place.

    The message of a foreign error may quote a value, and so personal data.
    """
    if isinstance(error, TROUBLE + WRONG_USAGE):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"internal: {type(error).__name__} at {where}; please report it"
