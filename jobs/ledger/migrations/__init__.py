"""The tables of the ledger, as migrations: one module each. One that was released never changes."""
