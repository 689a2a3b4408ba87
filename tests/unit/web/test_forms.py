from datetime import date

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import NotFoundError
from jobs.model import AttemptRef
from web import language
from web.forms import (
    Form,
    attempt_ref,
    harvest_from,
    inspection_from,
    new_request_key,
    receipt_from,
    request_from,
)

SECRET = b"s" * 32
TODAY = date(2026, 11, 24)
app = Flask("web")
language.register(app, "Europe/Paris")


@pytest.fixture(autouse=True)
def english():
    with app.test_request_context("/?lang=en"):
        yield


def a_form(**changes):
    typed = {
        "request_key": new_request_key(SECRET),
        "revision_id": "rev",
        "kits": "400",
        "due": "2026-11-27",
        "place": " CHU ",
        "requester": "Ada",
        "contact": "01 23 45 67 89",
    }
    return Form(typed | changes)


def asked(form):
    return request_from(form, {"rev"}, TODAY, "fr", SECRET)


def test_a_good_form_is_a_request():
    form = a_form()
    request = asked(form)
    assert form.good
    assert (request.kits, request.due, request.place) == (400, date(2026, 11, 27), "CHU")
    assert len(request.request_key) == 32


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("kits", ""),
        ("kits", "0"),
        ("kits", "100001"),
        ("kits", "4.5"),
        ("kits", "-3"),
        ("kits", "9" * 5000),
        ("due", "2026-11-23"),
        ("due", "soon"),
        ("place", "  "),
        ("place", "x" * 201),
        ("requester", ""),
        ("contact", ""),
        ("contact", "hello"),
        ("revision_id", "other"),
        ("note", "x" * 2001),
        ("request_key", "forged"),
        ("request_key", ""),
    ],
)
def test_a_bad_field_has_its_error_beside_it_and_keeps_what_was_typed(field, typed):
    form = a_form(**{field: typed})
    asked(form)
    assert list(form.errors) == [field]
    assert form[field] == typed


@pytest.mark.parametrize("typed", ["1", "100000", "1 000", " 12 "])
def test_numbers_as_people_write_them(typed):
    form = a_form(kits=typed)
    asked(form)
    assert form.good


@pytest.mark.parametrize("contact", ["ada@chu.example", "0033 1 23 45", "poste 123 456"])
def test_telephone_or_mail(contact):
    form = a_form(contact=contact)
    asked(form)
    assert form.good


def test_the_key_of_another_site_is_refused():
    form = a_form(request_key=new_request_key(b"t" * 32))
    asked(form)
    assert list(form.errors) == ["request_key"]


@given(
    job=st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=1, max_size=10), n=st.integers(1, 999)
)
def test_an_attempt_is_read_back_from_its_name(job, n):
    ref = AttemptRef(job=job, number=n)
    assert attempt_ref(str(ref)) == ref


@pytest.mark.parametrize(
    "text", ["", "x", "x-a0", "x-a", "-a1", "x-a1 ", "X-a1", "x-a1-a1", "../a-a1"]
)
def test_no_attempt_is_read_from_anything_else(text):
    with pytest.raises(NotFoundError):
        attempt_ref(text)


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"good": "4", "scrap": "0"}, []),
        ({"good": "5", "scrap": "0"}, []),
        ({"good": "3", "scrap": "1", "reason": "warped"}, []),
        ({"good": "3", "scrap": "1", "reason": "other", "other": "cat"}, []),
        ({"good": "3", "scrap": "1"}, ["reason"]),
        ({"good": "4", "scrap": "1"}, ["reason"]),
        ({"good": "3", "scrap": "0"}, ["reason"]),
        ({"good": "3", "scrap": "1", "reason": "nonsense"}, ["reason"]),
        ({"good": "3", "scrap": "1", "reason": "other", "other": " "}, ["other", "reason"]),
        ({"good": "41", "scrap": "0"}, ["good"]),
        ({"good": "4", "scrap": "41", "reason": "warped"}, ["scrap"]),
        ({"good": "-1", "scrap": "0", "reason": "warped"}, ["good"]),
    ],
)
def test_a_harvest_of_four(typed, wrong):
    form = Form(typed)
    harvest_from(form, 4)
    assert sorted(form.errors) == wrong


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"accepted": "4", "rejected": "0"}, []),
        ({"accepted": "3", "rejected": "1", "reason": "crack"}, []),
        ({"accepted": "3", "rejected": "1"}, ["reason"]),
        ({"accepted": "3", "rejected": "0"}, ["accepted"]),
        ({"accepted": "4", "rejected": "1", "reason": "crack"}, ["accepted"]),
        ({"accepted": "5", "rejected": "0"}, ["accepted"]),
    ],
)
def test_an_inspection_of_four(typed, wrong):
    form = Form(typed)
    inspection_from(form, 4)
    assert sorted(form.errors) == wrong


@pytest.mark.parametrize(
    ("refused", "lost", "wrong"),
    [
        ("0", "0", []),
        ("2", "2", []),
        ("3", "2", ["refused"]),
        ("", "0", ["refused"]),
        ("5", "0", ["refused"]),
    ],
)
def test_a_receipt_of_four(refused, lost, wrong):
    form = Form({"refused": refused, "lost": lost})
    receipt_from(form, 4)
    assert sorted(form.errors) == wrong
