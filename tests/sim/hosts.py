"""What time it is on each simulated machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Hosts:
    """The time of each machine: true time, less when it started, plus what its wall clock is off."""

    def __init__(self) -> None:
        self.true_s = 0.0
        self.here = "coordinator"
        self.booted_s: dict[str, float] = {}
        self.off_s: dict[str, float] = {}
        self.slept_s: dict[str, float] = {}

    def now(self) -> datetime:
        return _BEGAN + timedelta(seconds=self.true_s + self.off_s.get(self.here, 0.0))

    def boottime_s(self) -> float:
        return 1000.0 + self.true_s - self.booted_s.get(self.here, 0.0)

    def monotonic_s(self) -> float:
        """As `boottime_s`, standing still in suspend: what must not be used."""
        return self.boottime_s() - self.slept_s.get(self.here, 0.0)
