"""Statements of a migration, run inside the transaction of whoever applies it."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database


def run_script(db: Database, script: str) -> None:
    """Run statements inside the caller's transaction, which `executescript` would commit."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if statement.strip(" \n;") and sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
