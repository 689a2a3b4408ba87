"""Nothing on a page is left in one language."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment

import web

HERE = Path(web.__file__).parent
LETTERS = re.compile(r"[^\W\d_]{2,}")
#: Units and what is typed into a terminal are the same in every language.
EVERYWHERE = {"mm", "cm³", "kg", "fabnet", "node", "join", "FR", "EN"}
#: Two words in a row: what is written in code is one word.
SENTENCE = re.compile(r"[^\W\d_]{2,}[,:]? [^\W\d_]{2,}")
LEXER = Environment(autoescape=True)
TEMPLATES = sorted((HERE / "templates").glob("*.html"))
SPEAKING = [*sorted((HERE / "pages").glob("*.py")), HERE / "errors.py", HERE / "node_app.py",
            HERE / "plans.py", HERE / "progress.py", HERE / "idle.py"]  # fmt: skip


class Spoken(HTMLParser):
    """Collects what a reader sees or hears of a page's own text."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.words = []

    def handle_starttag(self, _tag, attrs):
        spoken = {"alt", "title", "placeholder", "aria-label", "aria-description", "label"}
        self.words += [value for name, value in attrs if name in spoken and value]

    def handle_data(self, data):
        # What an expression puts in the middle of a tag is no text.
        self.words.append(re.sub(r'[\w-]+="[^"]*"', "", data))


def bare_text(source):
    """Return the text of a template that no gettext translates."""
    own = ""
    for _, kind, value in LEXER.lex(source):
        own += value if kind == "data" else "0" if kind == "variable_begin" else ""
    spoken = Spoken()
    spoken.feed(own)
    spoken.close()
    return [text.strip() for text in spoken.words if set(LETTERS.findall(text)) - EVERYWHERE]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_bare_text(path):
    assert bare_text(path.read_text()) == []


def test_bare_text_would_be_found():
    assert bare_text('<p class="a">{{ _("Hello") }} {# note #}</p>') == []
    assert bare_text("<p>Hello {{ name }}</p>") == ["Hello 0"]
    assert bare_text('<img alt="A bed" src="{{ x }}">') == ["A bed"]
    assert bare_text("{% if a %}Yes{% endif %}") == ["Yes"]


def bare_strings(source):
    """Return the sentences in Python that no gettext translates; docstrings, logs and raises aside."""
    tree, aside = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                aside.add(id(first.value))
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        told = called in {"_", "gettext", "ngettext", "lazy_gettext"} or called.startswith("_log.")
        if told or isinstance(node, ast.Raise):
            aside |= {id(n) for n in ast.walk(node)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        and id(node) not in aside and SENTENCE.search(node.value)
        and not node.value.startswith("fabnet ")  # a command is the same in every language
    ]  # fmt: skip


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: path.name)
def test_pages_hold_no_bare_sentence(path):
    assert bare_strings(path.read_text()) == []


def test_a_bare_sentence_would_be_found():
    assert bare_strings('"""A module."""\nx = _("Not this one")\nraise E("nor this")') == []
    assert bare_strings('form.wrong("day", "This day has passed.")') == ["This day has passed."]
    assert bare_strings('x = f"at {place} it is late"') == [" it is late"]
