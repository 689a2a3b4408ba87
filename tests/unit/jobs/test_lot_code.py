"""The code of a bag: one wrong letter is told from every code there is."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.lot_code import code_in, is_misread, lot_code
from jobs.model import AttemptRef

LETTERS = string.digits + string.ascii_uppercase
REFS = st.builds(
    AttemptRef,
    job=st.text(string.digits + string.ascii_lowercase, min_size=10, max_size=10),
    number=st.integers(1, 999_999),
)


def check_of(body):
    """ISO 7064's hybrid system mod 37,36, as the standard writes it down."""
    product = 36
    for letter in body:
        total = (product + LETTERS.index(letter)) % 36 or 36
        product = total * 2 % 37
    return LETTERS[(37 - product) % 36]


def test_a_code_is_that_of_its_plate():
    assert (
        lot_code(AttemptRef(job="k3f8m2q7xw", number=1)) == f"K3F8M2Q7XW-1{check_of('K3F8M2Q7XW1')}"
    )


@given(REFS)
def test_every_code_is_right_short_and_of_letters_that_a_scanner_knows(ref):
    code = lot_code(ref)
    job, _, end = code.partition("-")
    assert (job, end[:-1]) == (ref.job.upper(), str(ref.number))
    assert end[-1] == check_of(job + end[:-1])
    assert len(code) <= 20
    assert not is_misread(code)


@given(REFS, st.data())
def test_a_misread_letter_is_found(ref, data):
    code = lot_code(ref)
    at = data.draw(st.sampled_from([i for i, letter in enumerate(code) if letter != "-"]))
    other = data.draw(st.sampled_from(LETTERS.replace(code[at], "")))
    assert is_misread(code[:at] + other + code[at + 1 :])


@pytest.mark.parametrize(
    "typed",
    [
        "K3F8M2Q7XW-1{}", "k3f8m2q7xw-1{}", " K3F8 M2Q7 XW-1{} ", "K3F8M2Q7XW1{}",
        "https://fabnet.example/l/K3F8M2Q7XW-1{}", "https://fabnet.example/l/K3F8M2Q7XW-1{}/ ",
    ],
)  # fmt: skip
def test_a_code_is_found_in_what_was_typed_or_scanned(typed):
    check = check_of("K3F8M2Q7XW1")
    assert code_in(typed.format(check)) == f"K3F8M2Q7XW-1{check}"


@pytest.mark.parametrize("text", ["", "-", "K3F8M2Q7XW", "K3F8M2Q7XW-", "K3F8M2Q7XW-1", "a bag"])
def test_what_is_no_code_is_misread(text):
    assert is_misread(code_in(text))
