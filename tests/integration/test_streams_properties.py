"""Of any network: streams end the same, whatever is lost, doubled and read together."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.ledger import streams
from jobs.ledger.streams import Arrival, Reading
from tests.unit.jobs.test_streams import NOW, a_side, acknowledge, take

MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]), st.sampled_from(["", "s", "t"]), st.integers(1, 4),
        st.integers(0, 3), st.booleans(),
    ),
    max_size=30,
)  # fmt: skip


@given(MESSAGES, MESSAGES)
def test_what_is_read_together_ends_as_what_is_read_one_by_one(before, batch):
    with a_side() as alone, a_side() as together:
        for db in (alone, together):
            for peer, stream, n, floor, may_begin in before:
                streams.arrive(db, peer, stream, n, f"b{n}", floor, may_begin=may_begin)
        reading = Reading(together, ["a", "b"])
        for peer, stream, n, floor, may_begin in batch:
            args = (peer, stream, n, f"i{n}", floor)
            found = reading.arrive(*args, may_begin=may_begin)
            assert found is streams.arrive(alone, *args, may_begin=may_begin)
            assert reading.at(peer) == streams.cursor_of(alone, peer)
        reading.write()
        for table in ("stream_in", "stream_retired"):
            kept = [
                sorted(tuple(row) for row in db.execute(f"select * from {table}"))
                for db in (alone, together)
            ]
            assert kept[0] == kept[1]


@given(st.data())
def test_a_hostile_network_changes_nothing(data):
    """Loss, doubles and reordering: what is applied is what was sent, and it all arrives."""
    with a_side() as sender, a_side() as receiver:
        sent, applied, in_flight = 0, [], []
        for _ in range(data.draw(st.integers(0, 60))):
            step = data.draw(st.sampled_from(["send", "pump", "deliver", "double", "drop", "ack"]))
            if step == "send":
                sent = streams.send(sender, "r", "x", b"{}", NOW)
            elif step == "pump":
                in_flight += streams.unacknowledged(sender, "r", 3)
            elif step == "ack":
                acknowledge(sender, receiver)
            elif in_flight:
                at = data.draw(st.integers(0, len(in_flight) - 1))
                row = in_flight[at] if step == "double" else in_flight.pop(at)
                if step == "deliver" and take(receiver, row) is Arrival.APPLY:
                    applied.append(row.n)
        while mail := streams.unacknowledged(sender, "r", 3):
            for row in mail:
                if take(receiver, row) is Arrival.APPLY:
                    applied.append(row.n)
            acknowledge(sender, receiver)
        assert applied == list(range(1, sent + 1))
