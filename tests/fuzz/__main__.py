"""Fuzz until something does not hold, or as long as the arguments say; see `tests.fuzz.answers`."""

import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["printers"]):
    from tests.fuzz.answers import judge

SEEDS = Path(__file__).parent / "seeds"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fabnet-fuzz-") as folder:
        # libFuzzer writes what is new into the folder that it reads.
        corpus = shutil.copytree(SEEDS, Path(folder) / "corpus")
        given = [*sys.argv[1:]]
        if all(each.startswith("-") for each in given):
            given = ["-max_len=400", "-max_total_time=60", *given, str(corpus)]
        atheris.Setup([sys.argv[0], *given], judge)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
