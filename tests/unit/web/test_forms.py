from datetime import UTC, date, datetime

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import NotFoundError
from jobs.hours import parse
from jobs.messages import Loaded
from jobs.model import AttemptRef
from printers.model import Spool
from web import language
from web.forms import (
    REFUSALS,
    Form,
    attempt_ref,
    harvest_from,
    hours_form,
    hours_from,
    new_request_key,
    receipt_from,
    refusal_from,
    request_from,
    spool_from,
)
from web.hub_forms import inspection_from

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
    if "reason" in wrong:
        assert form.errors["reason"] == "Choose what is wrong above, or write it here."


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"refused": "0", "lost": "0"}, []),
        ({"refused": "2", "lost": "2", "reason": "sharp"}, []),
        ({"refused": "2", "lost": "2"}, ["reason"]),
        ({"refused": "3", "lost": "2", "reason": "sharp"}, ["refused"]),
        ({"damaged": "2", "refused": "2", "lost": "1", "reason": "sharp"}, ["refused"]),
        ({"damaged": "2", "lost": "2"}, []),
        ({"refused": "", "lost": "0"}, []),
        ({"refused": "5", "lost": "0"}, ["refused"]),
        ({"damaged": "-1"}, ["damaged"]),
    ],
)
def test_a_receipt_of_four(typed, wrong):
    form = Form(typed)
    receipt_from(form, 4)
    assert sorted(form.errors) == wrong


@pytest.mark.parametrize(
    ("typed", "hours"),
    [
        ({"mode": "always", "from": "nonsense"}, "00:00-24:00"),
        ({"mode": "same", "from": "08:00", "to": "20:30"}, "08:00-20:30"),
        ({"mode": "same", "from": "18:00", "to": "00:00"}, "18:00-24:00"),
        ({"mode": "same", "from": "00:00", "to": "00:00"}, "00:00-24:00"),
        ({"mode": "same", "from": "22:00", "to": "06:00"}, "22:00-06:00"),
        ({"mode": "days", "from_1": "18:00", "to_1": "01:00"}, "Tue 18:00-01:00"),
        ({"mode": "text", "written": " Mon 08:00-09:00, Mon 10:00-11:00 "}, "Mon 08:00-09:00, Mon 10:00-11:00"),
    ],
)  # fmt: skip
def test_hours_of_a_week(typed, hours):
    form = Form(typed)
    assert hours_from(form) == hours
    assert form.good


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({}, ["mode", "written"]),
        ({"mode": "same"}, ["mode"]),
        ({"mode": "same", "from": "08:00"}, ["to"]),
        ({"mode": "same", "from": "8 Uhr", "to": "25:00"}, ["from", "to"]),
        ({"mode": "same", "from": "08:00", "to": "08:00"}, ["to"]),
        ({"mode": "days", "from_6": "08:00", "to_6": "09:0"}, ["to_6"]),
        ({"mode": "days"}, ["mode"]),
        ({"mode": "text", "written": "always"}, ["written"]),
        ({"mode": "text", "written": " "}, ["written"]),
    ],
)
def test_hours_that_cannot_be_used(typed, wrong):
    form = Form(typed)
    hours_from(form)
    assert sorted(form.errors) == wrong


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("00:00-24:00", "always"),
        ("08:00-20:00", "same"),
        ("20:00-04:00", "same"),
        ("Mon-Fri 18:00-23:00, Sat 09:00-24:00", "days"),
        ("Mon 08:00-12:00, Mon 14:00-18:00", "text"),
        ("gibberish", "text"),
    ],
)
def test_hours_come_back_as_they_were_entered(text, mode):
    typed = hours_form(text)
    assert typed["mode"] == mode
    form = Form(typed)
    again = hours_from(form)
    assert again == text
    assert form.good is (text != "gibberish")


def test_hours_are_written_in_the_readers_own_days():
    with app.test_request_context("/?lang=fr"):
        typed = hours_form("Mon 08:00-12:00, Mon 14:00-18:00")
        assert typed["written"] == "lun 08:00-12:00, lun 14:00-18:00"
        form = Form({"mode": "text", "written": "Lundi-ven. 08:00-12:00, SAM 09:00-10:00"})
        assert hours_from(form) == "Mon-Fri 08:00-12:00, Sat 09:00-10:00"
        assert len(parse(hours_from(form)).windows) == 6


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEFORE = Spool(id="p1-1", material="PETG", grams=120.0, maker_lot="L1")


@pytest.mark.parametrize(
    ("typed", "spool"),
    [
        ({"material": "PETG", "grams": "800", "maker_lot": "L1"}, "p1-1"),
        ({"material": "PETG", "grams": "800", "another": "yes"}, "p1-261124-1200"),
        ({"material": "PLA", "grams": "800"}, "p1-261124-1200"),
    ],
)
def test_another_spool_has_another_name(typed, spool):
    form = Form(typed)
    loaded = spool_from(form, "p1", BEFORE, NOW)
    assert form.good
    assert (loaded.spool, loaded.material, loaded.grams) == (spool, typed["material"], 800.0)


def test_no_spool_needs_no_figures():
    form = Form({"material": "", "grams": "what"})
    assert spool_from(form, "p1", BEFORE, NOW) == Loaded(printer="p1")
    assert form.good


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"material": "CHEESE", "grams": "1"}, ["material"]),
        ({"material": "PLA", "grams": "-1"}, ["grams"]),
        ({"material": "PLA", "grams": "20001"}, ["grams"]),
        ({"material": "PLA", "grams": ""}, ["grams"]),
    ],
)
def test_a_spool_that_cannot_be(typed, wrong):
    form = Form(typed)
    spool_from(form, "p1", None, NOW)
    assert sorted(form.errors) == wrong


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ({"reason": "no-time"}, "no-time"),
        ({"reason": "other", "other": " my child is ill "}, "my child is ill"),
        ({"other": "my child is ill"}, "my child is ill"),
        ({"reason": "no-time", "other": "and more"}, "no-time"),
        ({}, None),
        ({"reason": "other", "other": " "}, None),
    ],
)
def test_a_no_has_a_reason(typed, reason):
    form = Form(typed)
    found = refusal_from(form)
    assert form.good is (reason is not None)
    assert found == (reason or "")
    assert "no-time" in REFUSALS
