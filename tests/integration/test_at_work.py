"""What a maker's page shows of the printers that print, and how it stays true."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.lifecycle import AttemptState
from jobs.messages import Capabilities, PrinterChange, PrinterTele, ReportState, Telemetry
from printers.model import PrinterState
from tests.doubles.pages import sections
from tests.doubles.served import A
from tests.doubles.world import PRINTER, some_facts
from web.at_work import PART


@pytest.fixture
def printing(site):
    """A lab of which the only printer prints."""
    site.world.add_lab()
    return site.world.printing()


def tells(site, state, fraction):
    tele = PrinterTele(printer=PRINTER, state=state, fraction_done=fraction)
    site.live.tell(A, Telemetry(printers=(tele,)), site.world.now)


def read(site, login="maker"):
    return sections(site.person(login).get("/waiting?lang=en").text)


def test_she_sees_what_prints_until_when_and_what_comes_then(site, printing):
    tells(site, PrinterState.PRINTING, 0.418)
    (plate,) = site.world.attempts()
    ends = (site.world.now + timedelta(seconds=plate.seconds)).isoformat()
    page = site.person("maker").get("/waiting?lang=en").text
    text = sections(page)
    assert "Nothing waits for you now." in text
    assert f"Printing now {some_facts().title} {plate.pieces} × " in text
    assert f'<time datetime="{ends}">' in page
    assert "42 % Then: clear the bed and count." in text
    assert f"/attempts/{printing}/stop" in page
    fr = sections(site.person("maker").get("/waiting?lang=fr").text)
    assert "En cours d’impression" in fr
    assert "Ensuite : vider le plateau et compter." in fr


def test_what_waits_stands_above_what_prints(site, printing):
    two = (some_facts(), replace(some_facts(), id="p2", title="The other one"))
    site.world.says(Capabilities(lab="Lab A", printers=two))
    site.world.says(PrinterChange(printer="p2", state=PrinterState.IDLE, clear=False))
    text = read(site)
    assert text.index("Is the bed of The other one clear?") < text.index("Printing now")
    site.world.report(printing, ReportState.PRINTED)
    text = read(site)
    assert "Clear the bed of" in text
    assert "Printing now" not in text


def test_without_figures_of_the_printer_there_is_no_bar(site, printing):
    assert "Printing now" in read(site)
    assert "Progress on" not in site.person("maker").get("/waiting?lang=en").text


def test_a_print_over_its_time_and_one_that_is_paused_say_so(site, printing):
    site.world.pass_time(days=2)
    assert "It takes longer than expected." in read(site)
    tells(site, PrinterState.PAUSED, 0.5)
    text = read(site)
    assert "paused" in text
    assert "It waits for somebody: look at it." in text


def test_others_and_a_lab_out_of_reach_show_nothing_of_it(site, printing):
    assert "Printing now" not in read(site, "steward")
    assert "Printing now" not in read(site, "inspector")
    site.world.is_there(online=False)
    assert "Printing now" not in read(site)


def test_a_print_that_people_feed_waits_for_her_instead(site):
    site.world.add_lab(link="manual")
    site.world.printing()
    text = read(site)
    assert "Print from the card on" in text
    assert "Printing now" not in text


def test_an_open_page_hears_the_figures_and_fetches_itself_for_a_new_print(served):
    served.world.add_lab()
    served.world.order(2)
    served.world.plan()
    served.world.tick()
    session, _ = served.signed_in("maker")
    viewer = served.viewer("/waiting", session)
    ref = served.world.first(AttemptState.OFFERED)
    served.world.take(ref)
    served.world.ready(ref)
    assert viewer.event(seconds=0.6) is None
    served.world.report(ref, ReportState.PRINTING)
    assert viewer.event("changed")
    viewer = served.viewer("/waiting", session)
    tells(served.site, PrinterState.PRINTING, 0.25)
    name, html = json.loads(viewer.event("part").data)
    assert name == PART
    assert 'value="25"' in html
    assert f'data-part="{PART}"' in html
