"""The coordinator's book: SQLite tables, one module a family, and the reliable streams."""
