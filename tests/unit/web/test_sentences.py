"""Whatever the ledger, the gate, nodes and printers say in English is said in French on a French page."""

import ast
import functools
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from flask import Flask

import designs
import jobs
import printers
from designs.errors import DesignError, MeshRefusedError
from jobs.errors import InvalidFieldError, JobError, NotFoundError, RefusedError
from jobs.joining import UsedCodeError
from jobs.notice_kinds import Kind
from printers.errors import NotSafeError, OctoPrintError, PrinterError
from printers.octoprint_job import HOT
from web import language
from web.forms import Form
from web.language import Speech
from web.letters import Letterhead, Reader, letter
from web.sentences import find, said, said_here, say

ROOT = Path(jobs.__file__).parent.parent
FRENCH = Speech("fr")
app = Flask("web")
language.register(app, "Europe/Paris")

#: Where pages get sentences from: whatever is said there needs its French.
SPEAKERS = [
    *(ROOT / "jobs" / "coordinator").glob("*.py"),
    *(ROOT / "jobs").glob("*.py"),
    *(ROOT / "designs").glob("*.py"),
    *(ROOT / "printers").glob("*.py"),
    *(ROOT / "fabnet" / "node" / f"{name}.py" for name in (
        "agent", "bench", "cameras", "duty", "files", "grants", "owner", "own_slices", "policy", "preparing",
        "remote_slicer", "stock", "trial",
    )),
]  # fmt: skip
#: Errors that no page shows: a page says that something broke, or only a command meets them.
NO_PAGE = {
    "LawBrokenError", "UnsoundPlanError", "LedgerError", "MessageError", "JoinCodeError",
    "PackedTooOftenError",
}  # fmt: skip
#: Modules that speak to who runs a command, or to a log.
COMMANDS_ONLY = {
    "discover",
    "recognise",
    "octoprint_keys",
    "slicer_profiles",
    "regulation",  # of the profiles that come with fabnet
    "tables",
    "transcript",
    "okh_versions",
}
#: Sentences of other modules that no page shows.
ASIDE = (
    "The plan was not applied",  # a page says that something broke
    "does not hold for",
    "this version of PrusaSlicer has no",  # the program looks on: a log tells it
    "PrusaSlicer's bundle",
)


def text_of(node):
    """Return a string of the code as it would be said; what is put in stands as 7.7."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            each.value if isinstance(each, ast.Constant) else put_in(each.value)
            for each in node.values
        )
    return None


#: What stands for an expression of the code, where a number would be no word of its sentence.
STANDS_FOR = {
    "on_bed[0]": "j7", "on_bed[1]": "7", "found.state": "confirmed", "entry.state": "printed",
    "batch.state": "received", "found.batch.state": "received", "order.state": "delivered",
    "looked_at.state": "draft", "rule.required_acceptance": "tried",
    "status.state": "offline", "found.standing": "revoked",
    "heater": "nozzle", "what": "speed", "really(head)": " but a web page", "why": "",
    "words": " but a web page", "guess": "metres? That would be 7 mm", "said": " (7)", "HOT": HOT,
    "_ending(done.returncode)": "it ended with 7", "self._room()": "is its disk full?",
    "error": "it is empty: export it again", "where": "The mail server mx.example:25",
    "host": "ntfy.example",
}  # fmt: skip


def put_in(expression):
    source = ast.unparse(expression)
    return STANDS_FOR.get(source, "j7-a7" if re.search(r"\bref\b", source) else "7.7")


def as_an_attempt(text):
    """Return a text with the state of an order made one of an attempt."""
    return text.replace("confirmed", "printing")


def name_of(called):
    """Return the last name of what is called."""
    return getattr(called, "attr", "") or getattr(called, "id", "")


def raised(tree):
    """Yield the texts of errors: each argument that is a text, as the error's class says it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func).endswith("Error"):
            yield name_of(node.func), [text_of(each) for each in node.args]


def error_classes():
    """Return every class of error of the three folders, by its name."""
    for package in (jobs, designs, printers):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.ispkg or module.name == "jobs.coordinator":
                importlib.import_module(module.name)
    found, waiting = {}, [JobError, DesignError, PrinterError]
    while waiting:
        each = waiting.pop()
        found[each.__name__] = each
        waiting += each.__subclasses__()
    return found


CLASSES = error_classes()


def spoken(path):
    """Yield what a module's errors say, whole."""
    tree = ast.parse(path.read_text())
    for name, texts in raised(tree):
        # A text that is passed on was seen where it was made.
        if name in CLASSES and name not in NO_PAGE and any(texts) and texts[-1]:
            yield str(CLASSES[name](*("7.7" if text is None else text for text in texts)))


@functools.cache  # not while tests are collected: each worker would read every module
def sentences():
    found = {
        (path.relative_to(ROOT).as_posix(), text)
        for path in SPEAKERS
        if path.stem not in COMMANDS_ONLY
        for text in spoken(path)
        if not any(each in text for each in ASIDE)
    }
    return sorted(found)


def test_what_errors_say_is_found():
    assert len(sentences()) > 150
    assert ("jobs/coordinator/recalls.py", "This was settled before.") in sentences()


def test_every_error_has_its_french():
    # What is missing here needs its sentence in web/said_by_*.py, and its French.
    left = [(p, t) for p, t in sentences() if not find(t) and not find(as_an_attempt(t))]
    assert left == []


def test_an_error_without_french_would_be_found():
    assert find("The moon is in the way of 7.7.") is None


def sample(kind):
    """Return an error of a class whose words are its own, None where its callers bring them."""
    needed = [
        p for p in inspect.signature(kind.__init__).parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ][1:]  # fmt: skip
    if (
        not needed
        or any(p.name in ("why", "reason") for p in needed)
        or "__init__" not in vars(kind)
    ):
        return None
    kinds = {"bool": True, "float": 7.7}
    given = {p.name: kinds.get(p.annotation, "7") for p in needed}
    given |= {"state": "printing"} if "state" in given else {}
    return kind(**given)


def test_every_class_of_errors_has_its_french():
    errors = [error for name in sorted(set(CLASSES) - NO_PAGE) if (error := sample(CLASSES[name]))]
    assert {"NotSafeError", "UsedCodeError", "MissingFileError"} <= {
        type(e).__name__ for e in errors
    }
    assert [str(error) for error in errors if find(str(error)) is None] == []


# --- what nodes and printers say besides


#: Calls and names whose texts travel to the coordinator, or are shown on the node's own page.
TELLS = re.compile(
    r"(_lose|_lost|_end|_break|_refuse|_fault|_give_back|PrintOutcome|PrinterStatus|Decision)$"
)
NAMES = {"why", "fault", "said", "hot", "words", "reason", "told"}


def told(path):
    """Yield what a module tells of a printer: texts of certain calls, names and answers."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and TELLS.search(name_of(node.func)):
            values = [*node.args, *(k.value for k in node.keywords if k.arg in NAMES)]
        elif isinstance(node, ast.Return) or (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]).rpartition("._")[2] in NAMES
        ):
            values = [node.value]
        else:
            continue
        for value in values:
            text = text_of(value)
            if text and re.search(r"[a-z]{2,} [a-z]+ ", text):
                yield text


@functools.cache
def told_by_nodes():
    found = {
        (path.relative_to(ROOT).as_posix(), text)
        for path in SPEAKERS
        if path.parts[-2] in ("printers", "node") and path.stem not in COMMANDS_ONLY
        for text in told(path)
    }
    return sorted(found)


def test_what_nodes_tell_is_found():
    assert len(told_by_nodes()) > 40
    assert ("fabnet/node/policy.py", "this lab is taking a pause") in told_by_nodes()


def test_every_word_of_a_node_has_its_french():
    assert [(path, text) for path, text in told_by_nodes() if not find(text)] == []


def strings(name):
    """Yield the texts of a module of the gate that are handed on: to a call, in a list, as an answer."""
    for node in ast.walk(ast.parse((ROOT / "designs" / f"{name}.py").read_text())):
        if isinstance(node, ast.Call):
            yield from map(text_of, node.args)
        elif isinstance(node, (ast.List, ast.Tuple)):
            yield from map(text_of, node.elts)
        elif isinstance(node, ast.Dict):
            yield from map(text_of, node.values)
        elif isinstance(node, (ast.Return, ast.Assign)) and node.value is not None:
            yield text_of(node.value)


GATE = (
    "measuring", "mesh", "reading", "threemf", "threemf_archive", "obj", "step", "child", "pattern", "drawing",
    "sources", "archive", "manifest", "okh",
)  # fmt: skip


def test_every_reason_of_the_gate_has_its_french():
    gate = sorted(
        {
            text
            for name in GATE
            for text in strings(name)
            if text
            and re.search(r"[a-z]{2,} [a-z]+ [a-z]", text)
            # Words of SVG, keys of a manifest; and what is filled in elsewhere.
            and not text.startswith(("svg g path", "The mail server"))
            and "{}" not in text
        }
    )
    assert len(gate) > 40
    # A pattern's and an archive's reason stands behind the name of its file.
    assert [text for text in gate if not find(text) and not find(f"a.svg {text}")] == []


def test_why_a_letter_did_not_go_out_has_its_french():
    found = set()
    for name in ("mail", "webhook"):
        tree = ast.parse((ROOT / "fabnet" / f"{name}.py").read_text())
        found |= {text for _, texts in raised(tree) for text in texts if text}
        found |= set(told(ROOT / "fabnet" / f"{name}.py"))
    ours = {text for text in found if re.search("[a-z]{3}", text)}
    assert "only https: is allowed" in ours
    # The server's own words stand behind a code of SMTP.
    assert [text for text in sorted(ours) if not find(text)] == []


# --- how they are said


@pytest.mark.parametrize(
    ("text", "french"),
    [
        (
            "j1-a2 was counted already: 3 good, 1 scrap.",
            "j1-a2 a déjà été compté\u00a0: bonnes 3, ratées 1.",
        ),
        (
            "Batch b7 is received already.",
            "Le colis b7 est déjà dans cet état\u00a0: arrivé.",
        ),
        (
            "the plate takes 7.5 h, the weekly ceiling is 6 h",
            "le tirage dure 7,5 h, le plafond de la semaine est de 6 h",
        ),
        (
            "/dev/ttyUSB0: the serial line was lost (Input/output error). The printer may still be hot:"
            " switch it off.",
            "/dev/ttyUSB0\u00a0: la liaison série est perdue (Input/output error). L’imprimante est"
            " peut-être encore chaude\u00a0: éteignez-la.",
        ),
        (
            str(OctoPrintError("http://pi.local:5000", "it answers 503 Service Unavailable")),
            "OctoPrint à http://pi.local:5000\u00a0: il répond 503 Service Unavailable",
        ),
        (
            str(NotSafeError("/dev/ttyUSB0")),
            "/dev/ttyUSB0\u00a0: l’imprimante est peut-être encore chaude\u00a0: éteignez-la",
        ),
        (
            str(
                MeshRefusedError(
                    "visor.stl", "it is no STL file but a web page: fetch or export it again"
                )
            ),
            "visor.stl\u00a0: ce n’est pas un fichier STL mais une page web\u00a0: téléchargez-le ou"
            " exportez-le de nouveau",
        ),
        (str(InvalidFieldError("reason", "is needed")), "motif\u00a0: est nécessaire"),
    ],
)
def test_a_sentence_with_its_figures(text, french):
    assert say(text, FRENCH) == french


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MINTEMP",
        "my child is ill",
        "the spool is empty",
        "Buse bouchée : il faut la changer",
        "Error: thermal runaway, heater 0",
        "x" * 10_000,
        ": " * 300,
    ],
)
def test_what_nobody_knows_stays_as_it_is(text):
    assert say(text, FRENCH) == text


def test_a_makers_own_words_stay_inside_a_sentence():
    typed = "This design was withdrawn: the band is needed & breaks"
    assert say(typed, FRENCH) == "Ce modèle a été retiré\u00a0: the band is needed & breaks"


def test_pages_mark_what_is_left_in_english():
    with app.test_request_context("/?lang=fr"):
        assert said("Error: <b>") == '<span lang="en">Error: &lt;b&gt;</span>'
        assert said("This was settled before.") == "C’était déjà réglé."
        assert said_here("no such words") == "no such words"
    with app.test_request_context("/?lang=en"):
        assert said("Error: <b>") == "Error: &lt;b&gt;"
        assert said("This was settled before.") == "This was settled before."


def test_a_form_says_a_refusal_in_french():
    form = Form({})
    with app.test_request_context("/?lang=fr"):
        form.refused(InvalidFieldError("accepted", "accepted and rejected must make 12"))
    assert form.errors == {"accepted": "acceptées et rejetées doivent faire 12"}


def test_an_alarm_is_written_in_the_language_of_its_reader():
    words = "the printer does not answer any more"
    facts = {"printer": "MK3S", "lab": "Sud", "node": "n", "words": words}
    head = Letterhead(network="N", public_url="https://n.example", secret=b"s" * 32)
    reader = Reader(to="a@b.example", login="awa", order_id="")
    french = letter(Kind.ALARM, facts, "fr", reader, head)
    assert "l’imprimante ne répond plus" in french.text
    assert "does not answer any more" in letter(Kind.ALARM, facts, "en", reader, head).text


def test_other_errors_say_what_their_class_says():
    assert find(str(NotFoundError("order", "x"))) is not None
    assert find(str(UsedCodeError("2026-01-01T10:00:00", "sud"))) is not None
    assert find(str(RefusedError("Lot l7 is not held."))) == (
        "Lot %(lot)s is not held.",
        {"lot": "l7"},
    )
