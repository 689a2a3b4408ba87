"""`python -m fabnet` is the `fabnet` command."""

from fabnet.cli import main

if __name__ == "__main__":
    main()
