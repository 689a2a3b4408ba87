"""What may happen to the network, in any order: the rules that hypothesis draws from."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.sim.order import NODES
from tests.sim.world import Mutant, simulated

ASKED = os.environ.get("FABNET_SIM_EXAMPLES")
SETTINGS = settings(
    max_examples=int(ASKED or 200),
    derandomize=ASKED is None,
    stateful_step_count=50,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),  # a run is told step by step as it is: to shrink it takes minutes
)

HOSTS = ("coordinator", *NODES)
a_node = st.sampled_from(NODES)
a_host = st.sampled_from(HOSTS)
an_index = st.integers(0, 40)


class Protocol(RuleBasedStateMachine):
    """Coordinator, two labs, their printers and people, under a network and machines that fail."""

    #: What the test of a mutant builds in.
    fault: Mutant | None = None

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        logging.disable(logging.CRITICAL)
        self._stack.callback(logging.disable, logging.NOTSET)
        self.world = self._stack.enter_context(simulated(self.fault))

    @initialize(node=a_node)
    def begin(self, node: str) -> None:
        """Everybody has met, the beds are clear, the order is planned."""
        for each in NODES:
            self.world.exchange(each, 2)
            self.world.clear_bed(each)
        self.world.plan(node)

    # --- the network

    # Each rule is as likely as any other: what brings the work on has several, or it rarely begins.

    @rule(node=a_node, rounds=st.integers(1, 3))
    def exchange(self, node: str, rounds: int) -> None:
        self.world.exchange(node, rounds)

    @rule()
    def exchange_all(self) -> None:
        for node in NODES:
            self.world.exchange(node, 2)

    @rule(node=a_node)
    def print_and_harvest(self, node: str) -> None:
        """A quarter of an hour in which all goes well in one lab."""
        self.world.exchange(node, 2)
        self.world.finish(node)
        self.world.exchange(node)
        self.world.harvest()
        self.world.exchange(node)

    @rule(node=a_node, up=st.booleans())
    def one_way(self, node: str, *, up: bool) -> None:
        self.world.one_way(node, up=up)

    @rule(host=a_host)
    def step(self, host: str) -> None:
        self.world.step(host)

    @precondition(lambda self: self.world.network.flying)
    @rule(index=an_index, dies=st.sampled_from((False, False, False, True)))
    def deliver(self, index: int, *, dies: bool) -> None:
        self.world.deliver(index % len(self.world.network.flying), dies=dies)

    @precondition(lambda self: self.world.network.flying)
    @rule(index=an_index)
    def drop(self, index: int) -> None:
        self.world.network.flying.pop(index % len(self.world.network.flying))

    @precondition(lambda self: self.world.network.past)
    @rule(index=st.integers(0, 400))
    def replay(self, index: int) -> None:
        """A message of any time comes once more."""
        past = self.world.network.past
        self.world.network.flying.append(past[-1 - index % len(past)])

    @rule(host=a_host)
    def cut(self, host: str) -> None:
        self.world.cut(host)

    # --- machines

    @rule(node=a_node)
    def bench(self, node: str) -> None:
        self.world.bench(node)

    @rule(host=a_host)
    def crash(self, host: str) -> None:
        self.world.crash(host)

    @rule(host=a_host)
    def reboot(self, host: str) -> None:
        self.world.reboot(host)

    @rule(minutes=st.sampled_from((1, 5, 13, 150)))
    def pass_time(self, minutes: int) -> None:
        self.world.pass_time(minutes * 60.0)

    @rule(node=a_node, minutes=st.sampled_from((13, 150)))
    def suspend(self, node: str, minutes: int) -> None:
        self.world.suspend(node, minutes * 60.0)

    @rule(host=a_host, hours=st.sampled_from((-24, 24)))
    def step_the_clock(self, host: str, hours: int) -> None:
        self.world.hosts.off_s[host] = hours * 3600.0

    @rule(host=a_host)
    def copy(self, host: str) -> None:
        self.world.copy(host)

    @rule(host=a_host)
    def put_back(self, host: str) -> None:
        self.world.put_back(host)

    @rule(host=a_host, node=a_node)
    def forget_a_plate(self, host: str, node: str) -> None:
        """A copy is made, a plate is printed, and the copy of before it is put back."""
        self.world.copy(host)
        self.print_and_harvest(node)
        self.world.put_back(host)

    @rule(node=a_node)
    def lose_disk(self, node: str) -> None:
        self.world.lose_disk(node)

    @rule(node=a_node)
    def clone(self, node: str) -> None:
        self.world.clone(node)

    # --- printers and people

    @rule(node=a_node)
    def finish(self, node: str) -> None:
        self.world.finish(node)

    @rule(node=a_node)
    def break_off(self, node: str) -> None:
        self.world.break_off(node)

    @rule(index=an_index)
    def harvest(self, index: int) -> None:
        self.world.harvest(index)

    @rule(index=an_index)
    def harvest_again(self, index: int) -> None:
        self.world.harvest_again(index)

    @rule(node=a_node)
    def clear_bed(self, node: str) -> None:
        self.world.clear_bed(node)

    @rule(node=a_node)
    def plan(self, node: str) -> None:
        self.world.plan(node)

    @rule(index=an_index)
    def write_off(self, index: int) -> None:
        self.world.write_off(index)

    @rule(node=a_node)
    def go_on_without(self, node: str) -> None:
        self.world.go_on_without(node)

    def teardown(self) -> None:
        try:
            if not self.world.laws.failed:
                self.world.settle()
        finally:
            self._stack.close()
