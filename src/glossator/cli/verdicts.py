"""The commands `glossator verdicts ...`: people's verdicts into and out of a workspace, and what they tell."""

from __future__ import annotations

from pathlib import Path

import click

from glossator.cli import options


@click.group()
def verdicts() -> None:
    """Take in what people say of pairs, give pairs out to be judged, and measure the rules against people."""


@verdicts.command("import")
@options.workspace
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--by", default="", metavar="NAME", help="Who judged, where the file does not say.")
@click.option(
    "--sampling", default="", metavar="WORD", help="How pairs were chosen, where the file does not say: random."
)
@options.output
def import_(*, workspace: Path, file: Path, by: str, sampling: str, mode: options.Mode) -> int:
    """Take in the verdicts of FILE: CSV, JSONL, what Label Studio exports (JSON, JSON-MIN, CSV), Argilla's folder.

    They count at the next glossator filter WS; edits are built by the next glossator build.
    """
    import glossator
    from glossator.jobs.people import take_in

    opened = glossator.open(workspace)
    summary = take_in(opened.store, opened.scan("pairs"), file, by, sampling)
    mode.result(summary.to_json(), summary.text())
    return 1 if summary.problems else 0


@verdicts.command()
@options.workspace
@click.option(
    "--format", "format_", type=click.Choice(["argilla", "csv", "labelstudio"]), default="csv", show_default=True
)
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="The file to write; for argilla, the folder."
)
@click.option("--sample", type=click.IntRange(min=1), help="So many pairs, drawn at random; default: all.")
@click.option("--seed", default=0, show_default=True, help="Of the draw: the same seed draws the same pairs.")
@click.option("--near-threshold", is_flag=True, help="Instead of at random: those nearest to a bound of the filter.")
@click.option("--image-root", metavar="URL", help="What to put before image paths, for others to find them.")
@options.output
def export(
    *, workspace: Path, format_: str, out: Path, sample: int | None, seed: int, near_threshold: bool,
    image_root: str | None, mode: options.Mode,
) -> int:  # fmt: skip
    """Write pairs to be judged, without saying what the rules or other people think of them."""
    import glossator
    from glossator.jobs import tasks

    opened = glossator.open(workspace)
    tables = {name: opened.scan(name) for name in ("images", "pairs")}
    if near_threshold:
        chosen = tasks.near_threshold(opened.judged(), opened.filter_settings(), sample)
    else:
        chosen = tasks.at_random(tables["pairs"], sample, seed)
    sampling = tasks.NEAR if near_threshold else tasks.RANDOM
    pictures = opened.store.source_root
    summary = tasks.give_out(tables, chosen, sampling, format_, out, image_root or "", pictures)
    mode.result(summary.to_json(), summary.text())
    return 0


@verdicts.command()
@options.workspace
@options.output
def agreement(workspace: Path, mode: options.Mode) -> int:
    """Say how the filter's rules do against people, with 95 % intervals, and how people agree with each other."""
    import glossator
    from glossator.jobs.agreement_text import agreement_text

    found = glossator.open(workspace).against_people()
    mode.result(found.to_json(), agreement_text(found))
    return 0
