"""The real two ends of the protocol, in one thread, over a hostile network that a test drives.

Nothing here is left to chance or to a clock: `World` moves one step when it is told to. What runs is
what runs in the processes (agent, uplink, bench, journal; inbox, pump, use cases, ledger on real SQLite
files); only the wire, the time and the metal are simulated.

`desk` is the ledger alone, under everything that people press on pages and that nodes say, in any order;
`desk_law` is what holds meanwhile beyond the two laws, and `desk_pages` the people in front of real pages.
"""
