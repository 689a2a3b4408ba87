"""A node: the agent of one lab, its journal, its policy, and one thread a printer."""
