"""Commands of the package: ``python -m xloss demo``."""

import argparse
import sys
from collections.abc import Sequence

from xloss.demo import cli as demo


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names."""
    parser = argparse.ArgumentParser(prog="python -m xloss", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    demo.add_command(commands)
    options = parser.parse_args(argv)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
