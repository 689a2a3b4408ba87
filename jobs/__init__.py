"""Orders become plates, plates become good parts: decisions (pure), the ledger, the coordinator's use cases."""
