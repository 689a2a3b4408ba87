"""Every decision stands in the index, by its number and title."""

from pathlib import Path

DECISIONS = Path(__file__).parents[2] / "docs/decisions"


def test_the_index_names_every_decision_by_its_title():
    found = []
    for path in sorted(DECISIONS.glob("0*.md")):
        title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert title.startswith(f"{int(path.name[:4])}. "), path.name
        found.append(f"* [{title}]({path.name})")
    index = (DECISIONS / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in index if line.startswith("* ")] == found
