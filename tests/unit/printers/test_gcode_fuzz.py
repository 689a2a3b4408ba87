"""Genuine dialogues, spoilt: cut, doubled, mixed and changed byte by byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.answers import SEEDS, judge, oks_in


@st.composite
def spoilt(draw):
    """Pieces of dialogues behind one another, with some bytes changed or put in between."""
    pieces = []
    for _ in range(draw(st.integers(1, 4))):
        seed = draw(st.sampled_from(SEEDS))
        start = draw(st.integers(0, len(seed)))
        piece = bytearray(seed[start : start + draw(st.integers(1, 120))])
        for _ in range(draw(st.integers(0, 3))):
            if piece and draw(st.booleans()):
                del piece[draw(st.integers(0, len(piece) - 1))]
            piece.insert(draw(st.integers(0, len(piece))), draw(st.integers(0, 255)))
        pieces.append(bytes(piece))
    return bytes([draw(st.integers(0, 255))]) + b"".join(pieces)


@settings(deadline=None, max_examples=300)  # a busy machine is no fault
@given(spoilt())
def test_a_spoilt_dialogue_invents_nothing(data):
    judge(data)


@pytest.mark.parametrize("choice", range(9))
@pytest.mark.parametrize("seed", SEEDS)
def test_genuine_dialogues_hold_with_every_profile(seed, choice):
    judge(bytes([choice]) + seed)


@pytest.mark.parametrize(
    ("line", "oks"),
    [(b"ok", 1), (b"okok T:1", 2), (b"N2ok", 1), (b"ok N2ok", 2), (b"look", 0), (b"okay", 0)],
)
def test_the_judge_counts_by_itself(line, oks):
    assert oks_in(line) == oks
