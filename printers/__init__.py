"""Machines that make parts: facts, checks of G-code, drivers, slicing."""
