"""What one bag's fault may come from, and what of a bag counts until it is called back."""

from datetime import UTC, datetime

import pytest

from jobs.errors import InvalidFieldError
from jobs.recall import Cause, Recall, RecallKind, causes, counting, need_reason

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def of(**known):
    found = causes(lot="L-1", node="lab", printer="mk3", revision="r1", **({"spool": ""} | known))
    return [(cause.kind, cause.value) for cause in found]


def test_causes_are_told_from_the_bag_to_the_design():
    assert of(spool="s1", material="PETG/42") == [
        (RecallKind.LOT, "L-1"),
        (RecallKind.SPOOL, "lab/s1"),
        (RecallKind.MATERIAL, "PETG/42"),
        (RecallKind.PRINTER, "lab/mk3"),
        (RecallKind.REVISION, "r1"),
    ]


def test_what_nobody_has_said_is_no_cause():
    assert [kind for kind, _ in of()] == [RecallKind.LOT, RecallKind.PRINTER, RecallKind.REVISION]


def test_a_bag_counts_as_it_was_counted_until_it_is_inspected():
    figures = {"good": 12, "accepted": 10, "refused": 3, "lost": 2}
    assert counting(inspected=False, **figures) == 12
    assert counting(inspected=True, **figures) == 5


@pytest.mark.parametrize("ended", [None, NOW])
def test_a_recall_holds_until_somebody_ends_it(ended):
    cause = Cause(kind=RecallKind.LOT, value="L-1")
    recall = Recall(
        id="1", cause=cause, reason="sharp", by="ada", at=NOW, ended_at=ended, ended_by="",
        ended_reason="",
    )  # fmt: skip
    assert recall.is_open is (ended is None)


def test_nothing_is_called_back_without_a_reason():
    assert need_reason("  a sharp edge\n") == "a sharp edge"
    with pytest.raises(InvalidFieldError, match="a nurse understands"):
        need_reason(" \n")
