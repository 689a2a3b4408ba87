"""The library's tables in the coordinator's SQLite file, and how they came to be."""

from __future__ import annotations

import sqlite_utils

design_migrations = sqlite_utils.Migrations("designs")


@design_migrations()
def m001_designs(db: sqlite_utils.Database) -> None:
    """Revisions, nests and plates; what is not asked for by column is JSON in `body`."""
    for statement in (
        "create table revision (id text primary key, design text not null, body text not null) strict",
        "create table nest (mesh_sha256 text not null, bed text not null, layout text not null,"
        " primary key (mesh_sha256, bed)) strict",
        "create table plate (mesh_sha256 text not null, layout text not null, copies integer not null,"
        " sha256 text not null, bytes integer not null,"
        " primary key (mesh_sha256, layout, copies)) strict",
    ):
        db.execute(statement)


@design_migrations()
def m002_footprints(db: sqlite_utils.Database) -> None:
    """The shadow of each mesh: nests and drawings of plates need it again and again."""
    db.execute("create table footprint (mesh_sha256 text primary key, wkb blob not null) strict")


@design_migrations()
def m003_manifests(db: sqlite_utils.Database) -> None:
    """Each revision's manifest as it came, and its model files by path; `files` is JSON."""
    db.execute(
        "create table manifest (revision text primary key, name text not null, text text not null,"
        " files text not null) strict"
    )
