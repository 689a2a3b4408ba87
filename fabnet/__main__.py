"""`fabnet`, and `python -m fabnet`, which is the same."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is still being loaded ends it without a word."""
    try:
        from fabnet import cli  # noqa: PLC0415 - loading it is what is guarded
    except KeyboardInterrupt:
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
