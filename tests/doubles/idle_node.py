"""A node on its real journal whose benches are never started: what the link would bring is handed to it."""

from dataclasses import replace

from fabnet import wire
from fabnet.config import NodeConfig
from fabnet.node.bench_talk import Ended, Start, Started
from fabnet.node.journal import COORDINATOR
from fabnet.node.opening import open_node
from fabnet.printer_config import PrinterConfig
from jobs.ledger import streams
from jobs.lifecycle import AttemptState
from jobs.messages import Grant, Offer, OfferedAttempt, PrinterReady, Ready, decode_up, encode
from jobs.model import AttemptRef
from printers.model import PrinterState, PrinterStatus, PrintOutcome

REF = AttemptRef(job="abcdefghjk", number=1)


class Node:
    """An agent whose benches are never started: their commands stay where a test can read them."""

    next = None  # the same node after a restart

    def __init__(self, folder, machine="this machine", **changes):
        self.folder = folder
        (folder / "secret").write_text("x")
        if not (folder / "key").exists():
            (folder / "key").write_text("A" * 43 + "=")
        config = NodeConfig(
            id="lab-a", lab="Lab", coordinator="http://127.0.0.1:1", broker="mqtt://127.0.0.1:1",
            data_dir=str(folder), password_file=str(folder / "secret"),
            key_file=str(folder / "key"), attended="00:00-24:00",
            printers=(
                PrinterConfig(
                    id="p1", preset="generic-250x210", port="/dev/none", material="PETG", grams=500
                ),
            ),
        )  # fmt: skip
        self.config = replace(config, **changes)
        self.agent = open_node(self.config, machine)
        self.journal = self.agent._journal
        self.bench = self.agent._benches["p1"]
        self.n = 0
        self.stream = "coordinator-stream"
        self.epoch = 1
        self.seen = 0
        self.bench.status = PrinterStatus(state=PrinterState.IDLE)
        self.agent._recover()

    def hears(self, command, n=None):
        word, body = encode(command)
        self.n = n or self.n + 1
        data = wire.envelope(
            id="i",
            stream=self.stream,
            n=self.n,
            boot="b",
            kind=word,
            body=body,
            at="",
            epoch=self.epoch,
        )
        self.agent._uplink.on_command(wire.read_envelope(data))

    def said(self):
        rows = streams.unacknowledged(self.journal.reading, COORDINATOR, 1000)
        fresh = [decode_up(row.type, row.body) for row in rows if row.n > self.seen]
        self.seen = rows[-1].n if rows else self.seen
        return fresh

    def commands(self):
        found = []
        while not self.bench._commands.empty():
            found.append(self.bench._commands.get())
        return found

    def state(self, ref=REF):
        return self.journal.entry(ref).state

    def prepared(self, ref=REF, seconds=60.0):
        """As if the slice were made."""
        gcode = self.folder / "x.gcode"
        gcode.write_text("G28\n")
        with self.journal.transaction() as db:
            self.journal.prepared(
                db,
                ref,
                gcode=str(gcode),
                gcode_sha256="s",
                gcode_key="k",
                slicer="t",
                seconds=seconds,
                grams=10.0,
            )
            self.journal.move(db, ref, AttemptState.READY)

    def ready(self):
        """The nonce that the node asks with now, None when it does not ask."""
        self.agent._grants.work()
        return next((m.nonce for m in self.said() if isinstance(m, Ready)), None)

    def restart(self, **changes):
        self.journal.close()
        fresh = self.next = Node(self.folder, **changes)
        fresh.n, fresh.stream, fresh.epoch, fresh.seen = self.n, self.stream, self.epoch, self.seen
        return fresh

    def started(self):
        """Bring REF to a started print."""
        self.hears(an_offer())
        self.prepared()
        self.hears(PrinterReady(printer="p1"))
        self.hears(Grant(attempt=REF, nonce=self.ready(), ttl_s=600))
        assert [type(c) for c in self.commands()] == [Start]
        self.agent._take_bench_event(Started(printer="p1", name=REF.name))
        return self

    def ends(self, result, reason="", took_s=None):
        outcome = PrintOutcome(name=REF.name, result=result, reason=reason)
        self.agent._take_bench_event(
            Ended(printer="p1", outcome=outcome, fraction_done=0.5, took_s=took_s)
        )


def an_offer(ref=REF, **changes):
    facts = OfferedAttempt(
        attempt=ref, printer="p1", part="frame", pieces=2, material="PETG", mesh_sha256="m",
        plate_sha256="f" * 64, seconds=60.0, grams=10.0,
    )  # fmt: skip
    return Offer(attempts=(replace(facts, **changes),))
