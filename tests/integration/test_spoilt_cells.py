"""Whatever time, day or number of the ledger is spoilt, every page and command still says the rest.

A whole column is broken at once, as no use case and no message could, and whatever reads it is asked.
"""

from datetime import datetime, time

import pytest

from tests.doubles.spoilt import Page, answers, some, spoilt

#: What a cell holds in place of what belongs there, by what it is.
SPOILT = {"time": "?", "real": 9e999, "integer": 1 << 55}


def columns(db):
    """Yield what is a time, a day or a number in the ledger, by table and column, and what is put there.

    No key, by which a row is found.
    """
    tables = "select name from sqlite_master where type = 'table' and name != '_sqlite_migrations'"
    for (table,) in db.execute(tables).fetchall():
        keys = db.execute("select [from] from pragma_foreign_key_list(?)", (table,)).fetchall()
        for column in db.execute("select * from pragma_table_info(?)", (table,)).fetchall():
            name, kind = column["name"], column["type"].lower()
            if column["pk"] or name in {key[0] for key in keys}:
                continue
            values = db.execute(f"select {name} from {table} where {name} is not null").fetchall()
            if kind == "text" and is_time([row[0] for row in values if row[0]]):
                yield table, name, SPOILT["time"]
            elif kind in SPOILT and values:
                yield table, name, SPOILT[kind]


def is_time(texts):
    try:
        return [*map(moment_or_clock, texts)] != []
    except ValueError:
        return False


def moment_or_clock(text):
    return time.fromisoformat(text) if text[2:3] == ":" else datetime.fromisoformat(text)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_every_page_and_command_says_the_rest(network):
    db = network.ledger.reading
    sound = answers(network)
    network.site.app.config["PROPAGATE_EXCEPTIONS"] = True
    wrong, asked = [], 0
    for number, (table, column, value) in enumerate(columns(db)):
        asks = [(name, *each[1:]) for name, each in sound.items() if (table, column) in each[0]]
        with spoilt(db, table, column, value):
            for name, answer, ask in some(asks, number):
                asked += 1
                try:
                    got = ask()
                except Exception as error:  # noqa: BLE001 - each is told
                    wrong.append((f"{table}.{column}", name, repr(error)))
                else:
                    if isinstance(answer, Page) and got != answer:
                        wrong.append((f"{table}.{column}", name, got))
    assert asked > 800
    assert wrong == []
