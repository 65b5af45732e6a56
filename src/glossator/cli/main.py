"""The command `glossator`: parse, call the Python API, print. Imports stay inside commands so that --help is quick."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from glossator.cli import options
from glossator.cli.verdicts import verdicts
from glossator.errors import GlossatorError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="glossator", message="%(version)s")
def cli() -> None:
    """Turn text-rich images and one human caption each into an instruction-tuning data set that you can trust."""


@cli.command()
@click.argument("source", type=click.Path(path_type=Path))
@options.workspace_out
@options.recipe("embedded")
@options.limit
@options.overrides
@options.executor
@click.option("--dry-run", is_flag=True, help="Say how many calls and what cost a build would take; build nothing.")
@click.option(
    "--pilot",
    type=click.IntRange(min=0),
    default=24,
    show_default=True,
    help="For --dry-run: images to try at the paid endpoint. What they cost is told, and kept for the build. 0: guess.",
)
@options.output
def build(*, source: Path, out: Path, recipe: str, dry_run: bool, pilot: int, mode: options.Mode, **chosen: Any) -> int:
    """Build a filtered data set from SOURCE: a folder of images, or a JSONL, CSV or Parquet file.

    Run it again and it goes on where it stopped.
    """
    from glossator.cli import run

    if dry_run:
        return run.dry_run(source, out, recipe, mode, pilot=pilot, **chosen)
    return run.build(source, out, recipe, mode, **chosen)


@cli.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@options.workspace_out
@click.option("--images", type=click.Path(path_type=Path), help="Folder that the set's image paths are relative to.")
@options.recipe("rescore")
@options.limit
@options.overrides
@options.executor
@options.output
def score(dataset: Path, out: Path, images: Path | None, recipe: str, mode: options.Mode, **chosen: Any) -> int:
    """Score and filter somebody's finished DATASET (LLaVA, ShareGPT, messages, Alpaca: JSON, JSONL or Parquet)."""
    from glossator.cli import run

    return run.score(dataset, out, images, recipe, mode, **chosen)


@cli.command("filter")
@options.workspace
@options.overrides
@click.option("--what-if", is_flag=True, help="Change nothing; print what a grid of settings would keep.")
@click.option("--grid", multiple=True, metavar="SETTING=VALUES", help="For --what-if: mifd_max=0.4:1.0:0.1 or a list.")
@options.output
def filter_(
    workspace: Path, settings: dict[str, Any], *, what_if: bool, grid: tuple[str, ...], mode: options.Mode
) -> int:
    """Give new verdicts from stored losses, in a second: glossator filter WS --set filter.mifd_max=0.9"""
    from glossator.cli import run

    if what_if or grid:
        return run.what_if(workspace, grid, mode)
    return run.refilter(workspace, settings, mode)


@cli.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Where to work.")
@click.option("--kind", "kinds", multiple=True, help="Only images of this kind. Repeatable.")
@click.option("--seed", default=0, show_default=True, help="Of what is planted.")
@options.recipe("rescore")
@options.overrides
@options.output
def defects(*, source: Path, out: Path, mode: options.Mode, **chosen: Any) -> int:
    """Plant defects into a SOURCE with ground truth, and measure which of them scores and filter see."""
    from glossator.cli import run

    return run.defects(source, out, mode, **chosen)


@cli.command()
@options.workspace
@options.output
def status(workspace: Path, mode: options.Mode) -> int:
    """Say what is done, what failed and what it has cost."""
    from glossator.cli import show

    return show.status(workspace, mode)


@cli.command()
@options.workspace
@click.option("--port", type=click.IntRange(0, 65535), help="Port; by default 8765, or the next free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--by", "reviewer", default=options.user_name, help="Whose verdicts they are; default: your user name.")
@click.option("--read-only", is_flag=True, help="Show everything, change nothing.")
@click.option("--tls-cert", type=click.Path(path_type=Path, exists=True), help="Certificate, for an open --host.")
@click.option("--tls-key", type=click.Path(path_type=Path, exists=True), help="Its key.")
@click.option("--behind-proxy", default="", metavar="NAME", help="Host name of a reverse proxy that adds TLS.")
def review(*, workspace: Path, tls_cert: Path | None, tls_key: Path | None, **chosen: Any) -> int:
    """Look at the pairs of a workspace, judge them and move thresholds, in the browser. Prints its start URL."""
    from glossator.cli import show

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    return show.review(workspace, tls=(tls_cert, tls_key) if tls_cert and tls_key else None, **chosen)


@cli.command()
@options.workspace
@click.argument("pair_id")
@click.option(
    "--image", type=click.Path(path_type=Path), metavar="FILE", help="Where to write the picture; default WS/show/."
)
@click.option("--no-image", is_flag=True, help="Write no picture.")
@options.output
def show(*, workspace: Path, pair_id: str, image: Path | None, no_image: bool, mode: options.Mode) -> int:
    """Print all that is known of the pair PAIR_ID (or the beginning of its id), and draw its evidence.

    Source, OCR, every stage that made it, the model's own reply, losses, verdict with its reasons, people's words,
    repairs.
    """
    from glossator.cli import history

    return history.show(workspace, pair_id, image, mode, draw=not no_image)


@cli.command()
@options.workspace
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Where to write it; default WS/report.html.")
@options.output
def report(workspace: Path, out: Path | None, mode: options.Mode) -> int:
    """Write the HTML report: one file, no network needed to read it."""
    import glossator

    path = glossator.open(workspace).report(out)
    mode.result({"report": str(path)}, f"report: {path}")
    return 0


@cli.command()
@options.workspace
@click.option(
    "--format", "format_", default="llava", show_default=True,
    help="llava, sharegpt or parquet; dpo, unanswerable or hard-negatives.",
)  # fmt: skip
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The file or folder to write.")
@click.option("--all", "keep_all", is_flag=True, help="Keep the rejected too, with verdicts where the format can.")
@click.option("--copy-images", is_flag=True, help="Copy the images beside the output instead of referring to them.")
@click.option("--share", type=float, help="For unanswerable: their share beside the kept pairs; 0.1 by default.")
@click.option("--seed", default=0, show_default=True, help="For unanswerable: another one draws other questions.")
@options.output
def export(*, workspace: Path, format_: str, out: Path, mode: options.Mode, **chosen: Any) -> int:
    """Write the data set in a trainer's format, and check it for what trainers trip over."""
    from glossator.cli import show

    return show.export(workspace, format_, out, mode, **chosen)


@cli.command()
@options.workspace
@options.output
def retry(workspace: Path, mode: options.Mode) -> int:
    """Do the failed rows again, with all that follows from them, and nothing else."""
    from glossator.cli import run

    return run.retry(workspace, mode)


@cli.command()
@options.workspace
@click.option("--delete", is_flag=True, help="Delete them; without it they are only listed.")
@options.output
def gc(*, workspace: Path, delete: bool, mode: options.Mode) -> int:
    """List (or delete) output of older recipes. Bought replies are never deleted."""
    from glossator.cli import show

    return show.gc(workspace, mode, delete=delete)


@cli.group()
def recipe() -> None:
    """Look at recipes."""


@recipe.command("check")
@click.argument("name")
@options.overrides
@options.output
def recipe_check(name: str, settings: dict[str, Any], mode: options.Mode) -> int:
    """Check the recipe NAME (a shipped one or a YAML file), and say which stage feeds which."""
    from glossator.cli import show

    return show.recipe_check(name, settings, mode)


@recipe.command("show")
@click.argument("name")
@options.overrides
@options.output
def recipe_show(name: str, settings: dict[str, Any], mode: options.Mode) -> int:
    """Print the recipe NAME with all defaults filled in, and each stage's fingerprint."""
    from glossator.cli import show

    return show.recipe_show(name, settings, mode)


@recipe.command("diff")
@click.argument("old")
@click.argument("new")
@options.overrides
@options.output
def recipe_diff(old: str, new: str, settings: dict[str, Any], mode: options.Mode) -> int:
    """Say which stages would run again, and why, going from OLD (a workspace or a recipe) to the recipe NEW."""
    from glossator.cli import show

    return show.recipe_diff(old, new, settings, mode)


cli.add_command(verdicts)


@cli.command()
@click.argument("name")
@options.model_out
@options.overrides
@options.output
def assemble(name: str, out: Path, mode: options.Mode, settings: dict[str, Any]) -> int:
    """Join a vision tower, a new projector and a text model into a LLaVA model, to be aligned and tuned.

    NAME: phi-3-mini, llama-3.1-8b, vicuna-1.5-13b, each with -hr for two resolutions, or a YAML file. Another part:
    --set text.name=FOLDER
    """
    from glossator.cli import models

    return models.assemble(name, out, mode, settings)


@cli.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@options.model_out
@click.option("-r", "--recipe", default="ocr-lm", show_default=True, help="A training recipe's name or a YAML file.")
@click.option("--images", type=click.Path(path_type=Path), help="Folder that a file's image paths are relative to.")
@options.overrides
@options.output
def train(dataset: Path, out: Path, recipe: str, mode: options.Mode, **chosen: Any) -> int:
    """Fine-tune a model on DATASET: a workspace, or a file of conversations.

    The default recipe tunes a reader of OCR text on a CPU. Run it again and it goes on from its last checkpoint.
    """
    from glossator.cli import models

    return models.train(dataset, out, recipe, mode, **chosen)


@cli.command("eval")
@click.argument("model")
@click.option(
    "--benchmark", "named", multiple=True, required=True, metavar="NAME=PATH",
    help="docvqa, infovqa, chartqa, textvqa, stvqa, ocrbench, funsd, sroie, records, workspace or captions, and its "
    "files. Repeatable.",
)  # fmt: skip
@options.model_out
@click.option("--against", type=click.Path(path_type=Path), help="Folder of another eval: tell the paired difference.")
@click.option("--limit", type=click.IntRange(min=1), help="Ask only the first N questions of each benchmark.")
@click.option("--max-ocr-tokens", type=click.IntRange(min=16), help="For models without eyes: budget for OCR text.")
@click.option("--key-env", help="For an endpoint: NAME of the environment variable that holds the key.")
@click.option("--in-flight", type=click.IntRange(min=1), default=16, show_default=True, help="For an endpoint.")
@click.option("--max-usd", type=click.FloatRange(min=0, min_open=True), help="For an endpoint: spend at most so much.")
@click.option(
    "--request", multiple=True, metavar="KEY=VALUE", callback=options.parse_overrides,
    help="For an endpoint: a further key of each request; null takes one out. Repeatable.",
)  # fmt: skip
@options.output
def eval_(model: str, named: tuple[str, ...], out: Path, mode: options.Mode, **chosen: Any) -> int:
    """Ask MODEL the questions of benchmarks, and judge its answers, with 95 % intervals over pictures.

    MODEL: a folder from train, a model's name or folder, ocr-lm:base, or endpoint:NAME@URL.
    """
    from glossator.cli import models

    return models.evaluate(model, named, out, mode, **chosen)


@cli.command()
@click.argument("named", metavar="NAME=PATH...", nargs=-1, required=True)
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The file to write (Parquet).")
@click.option("--name", help="What leaks are told by; default: the benchmarks' names.")
@click.option(
    "--words", type=click.IntRange(8, 13), default=13, show_default=True,
    help="So many words in a row, found in a pair, tell a leak.",
)  # fmt: skip
@options.output
def testset(named: tuple[str, ...], out: Path, mode: options.Mode, **chosen: Any) -> int:
    """Write the hashes of test sets into a small file that builds are checked against (stage leaks).

    NAME=PATH: as for eval --benchmark, or pictures=FOLDER. The file holds no text and no readable page.
    """
    from glossator.cli import models

    return models.testset(named, out, mode, **chosen)


@cli.command()
@click.argument("studies", metavar="STUDY...", nargs=-1, required=True)
@click.option("--source", "sources", multiple=True, type=click.Path(path_type=Path), help="Instead of its own sources.")
@click.option("--arm", "only", multiple=True, help="Compute only this arm now. Repeatable.")
@click.option("--workers", type=click.IntRange(min=0), help="Processes for cells; default: one a core.")
@options.model_out
@options.output
def study(studies: tuple[str, ...], out: Path, mode: options.Mode, **chosen: Any) -> int:
    """Run each STUDY (a shipped one or a YAML file): vary the data, hold training and test fixed, tell the differences.

    Run it again and it computes only the cells that are missing. Studies in one folder share data sets and cells.
    """
    from glossator.cli import models

    return models.study(studies, out, mode, **chosen)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the completion script for SHELL, as in: eval "$(glossator completion bash)"."""
    from click.shell_completion import get_completion_class

    cls = get_completion_class(shell)
    assert cls is not None
    click.echo(cls(cli, {}, "glossator", "_GLOSSATOR_COMPLETE").source())
    return 0


def main() -> None:
    """Run the command line. Never shows a traceback for a mistake of the user's."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = cli.main(standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nstopped; what was finished is kept: run the same command again to go on", err=True)
        code = options.INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = 2
    except GlossatorError as error:
        click.echo(f"error: {error}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        code = 0
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    # Not sys.exit: after Ctrl-C nobody waits for a model's threads to wind down.
    os._exit(code if isinstance(code, int) else 0)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
