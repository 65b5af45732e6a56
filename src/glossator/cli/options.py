"""Options that several commands share."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

workspace = click.argument("workspace", metavar="WS", type=click.Path(path_type=Path))
workspace_out = click.option(
    "-o", "--out", required=True, metavar="WS", type=click.Path(path_type=Path), help="The workspace folder."
)
model_out = click.option(
    "-o", "--out", required=True, metavar="DIR", type=click.Path(path_type=Path), help="The folder to write."
)
limit = click.option("--limit", type=click.IntRange(min=1), help="Take only the first N records of the source.")
executor = click.option("--executor", type=click.Choice(["local", "ray"]), help="Where to run; default: the recipe's.")

INTERRUPTED = 130  # exit code


def recipe(default: str) -> Callable[[Command], Command]:
    """The option `-r`, with its default."""
    return click.option(
        "-r", "--recipe", default=default, show_default=True, help="A shipped recipe's name or a YAML file."
    )


def user_name() -> str:
    """Who sits at this machine, as far as it knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "me"


def overrides(command: Command) -> Command:
    """The option `--set a.b=c`, given to the command as the mapping `settings`."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="STAGE.SETTING=VALUE",
        callback=parse_overrides,
        help="Override one setting, as in filter.mifd_max=0.9 or ocr.engine.kind=given. Repeatable.",
    )(command)


@dataclass(frozen=True, slots=True)
class Mode:
    """How a command prints: for people, as one JSON object, or not at all."""

    json: bool
    quiet: bool

    def result(self, value: dict[str, Any], text: str) -> None:
        """Print the command's result to stdout: `value` as JSON, or `text` for a person."""
        if self.json:
            click.echo(json.dumps(value, ensure_ascii=False, default=str))
        elif not self.quiet:
            click.echo(text)


def output(command: Command) -> Command:
    """The options `--json` and `--quiet`, given to the command as `mode`."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end instead.")
    @click.option("--quiet", is_flag=True, help="Print nothing but errors.")
    def wrapped(*, as_json: bool, quiet: bool, **values: Any) -> Any:
        return command(mode=Mode(as_json, quiet), **values)

    wrapped.__doc__ = command.__doc__
    wrapped.__name__ = command.__name__
    return wrapped  # type: ignore[return-value]


def parse_overrides(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """A callback: `KEY=VALUE` options as one mapping."""
    if not values:
        return {}
    from glossator.recipe import parse_override

    return dict(parse_override(value) for value in values)
