"""Simulated machines for the demo and the tests; they pass the same contract suites as real ones."""
