"""`make demo`: draw sample images, build a data set from them with the embedded engines, and say where it is."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import glossator
from glossator.cli.progress import ProgressEvents
from glossator.jobs.demo import draw

DEMO = Path("demo")


def main() -> None:
    """Build the demo afresh in `demo/`."""
    started = time.monotonic()
    shutil.rmtree(DEMO, ignore_errors=True)
    source = draw(DEMO / "images")
    with ProgressEvents(visible=True) as events:
        workspace = glossator.build(source, DEMO / "workspace", events=events)
    workspace.export("llava", DEMO / "dataset" / "llava.json", copy_images=True)
    report = workspace.report(DEMO / "report.html")
    counts = workspace.status()["counts"]
    print(f"{counts['images']} images gave {counts['pairs']} pairs in {time.monotonic() - started:.0f} s:")
    print(f"  kept {counts['kept']}, rejected {counts['rejected']}")
    print(f"  report   {report}")
    print(f"  data set {DEMO / 'dataset' / 'llava.json'}")


if __name__ == "__main__":
    main()
