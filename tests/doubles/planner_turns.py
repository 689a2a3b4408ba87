"""The planner over a world, turn by turn: all that it is told is how much time has passed."""

from fabnet.planner import Planner


class Turns:
    """The planner with the clock of a world; with `offers` they go out after each turn."""

    def __init__(self, world, *, offers=False):
        self.world, self.s, self._offers = world, 0.0, offers
        self.planner = Planner(world.ledger, None, self.s, lambda: world.now)

    def after(self, seconds=0.5):
        """Take a turn, so much later."""
        self.s += seconds
        self.world.pass_time(seconds=seconds)
        self.planner.turn(self.world.library, self.s)
        if self._offers:
            self.world.tick()
