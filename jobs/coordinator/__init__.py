"""The coordinator's use cases, one module a family: one call, one transaction, zero or more outbox rows."""
