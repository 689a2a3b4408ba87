"""docs/protocol.md: rules with stable numbers, tests that exist, every message, the schema as it is."""

import ast
import functools
import re
from pathlib import Path

import pytest

from fabnet import schema
from jobs.messages import DOWN_TYPES, UP_TYPES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
#: A rule reaches from its number to the next rule, heading or end.
RULE = re.compile(r"^\* \*\*([A-Z]\d+)\*\* (.*?)(?=^\* \*\*|^\*\*|^#|\Z)", re.MULTILINE | re.DOTALL)
RULES = [(number, body) for number, body in RULE.findall(TEXT)]
TESTS = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@functools.cache
def functions_of(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_numbers_are_given_once_and_without_gaps():
    numbers = [number for number, _ in RULES]
    assert len(set(numbers)) == len(numbers)
    letters = {number[0] for number in numbers}
    assert letters >= set("SAPOBE")
    for letter in letters:
        own = [int(number[1:]) for number in numbers if number[0] == letter]
        assert own == list(range(1, len(own) + 1)), f"{letter}: {own}"


def test_every_list_item_of_the_rules_is_a_rule():
    rules = TEXT[TEXT.index("\n## Rules\n") :]
    assert len(re.findall(r"^[*-] ", rules, re.MULTILINE)) == len(RULES)


@pytest.mark.parametrize(("number", "body"), RULES, ids=[number for number, _ in RULES])
def test_every_rule_names_tests_that_exist(number, body):
    words, _, held_by = body.partition("Held by")
    assert len(words.split()) <= 60, f"{number} is longer than a rule"
    named = TESTS.findall(held_by)
    assert named, f"{number} is held by no test"
    # A name that is misspelt is no name: everything in quotes has to be a test.
    assert len(named) == held_by.count("`") / 2
    for path, name in named:
        assert name.startswith("test_")
        assert name in functions_of(path), f"{number}: there is no {path}::{name}"


def test_every_message_is_in_the_table_with_its_direction():
    rows = re.findall(r"^\| `(\w+)` \| (node|coordinator) \|", TEXT, re.MULTILINE)
    told = [(word, "node") for word in DOWN_TYPES] + [(word, "coordinator") for word in UP_TYPES]
    assert sorted(rows) == sorted(told)


def test_the_schema_in_the_docs_is_that_of_the_types():
    kept = (ROOT / "docs" / "protocol.schema.json").read_text(encoding="utf-8")
    assert kept == schema.text(), "messages have changed: run make schema"
