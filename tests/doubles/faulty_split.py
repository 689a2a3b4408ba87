"""A planner that is broken on purpose: its plans of some orders break a rule."""

from dataclasses import replace

from jobs import sound_plan
from jobs.split import split


class FaultySplit:
    """Plans as `jobs.split.split`, and then says that each plate of the faulty orders takes no time.

    Args:
        faulty: the orders.
        by_shares: whether only plans by shares are wrong (True), only others (False), or all (None).
    """

    def __init__(self, *faulty, by_shares=None):
        self.faulty, self.by_shares, self.made = set(faulty), by_shares, 0

    def __call__(self, *facts, **options):
        plan = split(*facts, **options)
        self.made += 1
        if self.by_shares not in (None, plan.shares_first):
            return plan
        wrong = (replace(r, seconds=0.0) if r.order_id in self.faulty else r for r in plan.runs)
        return replace(plan, runs=tuple(wrong))

    def put_in(self, monkeypatch):
        """Let the product plan with it."""
        monkeypatch.setattr(sound_plan, "split", self)
        return self
