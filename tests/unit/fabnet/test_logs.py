"""What fails at every turn is written once in a while."""

import logging

from fabnet.logs import Seldom


def line(words, created, error=None):
    record = logging.LogRecord(
        "x", logging.ERROR, "x", 1, words, (), error and (type(error), error, None)
    )
    record.created = created
    return record


def test_the_same_line_passes_once_in_a_quarter_of_an_hour_and_another_at_once():
    seldom = Seldom()
    passed = [seldom.filter(line("lot A is left", at)) for at in (0.0, 0.5, 899.0, 900.0, 901.0)]
    assert passed == [True, False, False, True, False]
    assert seldom.filter(line("lot B is left", 901.0))
    assert seldom.filter(line("lot B is left", 902.0, ValueError("x")))
    # A clock that was set back silences nobody.
    assert seldom.filter(line("lot A is left", 100.0))


def test_what_is_remembered_has_an_end():
    seldom = Seldom()
    assert all(seldom.filter(line(f"lot {number} is left", 0.0)) for number in range(5000))
    assert len(seldom._said_s) <= 1000
