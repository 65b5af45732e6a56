"""Names the configurations for `accelerate launch` that come with the package.

    accelerate launch --config_file "$(python -m glossator.training.launch multi-gpu)" \\
        -m glossator.cli.main train WORKSPACE -r RECIPE -o DIR
"""

from __future__ import annotations

import sys
from pathlib import Path

from glossator.errors import UsageError
from glossator.recipe import SHIPPED

CONFIGS = SHIPPED / "accelerate"


def shipped() -> list[str]:
    """Names of the configurations."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def config(name: str) -> Path:
    """The file of a configuration. Raises `UsageError` if there is none of that name."""
    if name not in shipped():
        raise UsageError(f"no configuration '{name}' for accelerate; there are {', '.join(shipped())}")
    return CONFIGS / f"{name}.yaml"


def main() -> int:
    """Print where the configuration is that is named on the command line."""
    try:
        sys.stdout.write(f"{config(sys.argv[1] if len(sys.argv) == 2 else '')}\n")
    except UsageError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
