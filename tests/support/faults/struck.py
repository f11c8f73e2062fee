"""One strike of a fault of docs/reliability.md, in its quick seeded form; the long form is `benchmarks.faults`."""

from benchmarks.faults.suite import FAULTS, run

SEED = 7
QUICK = {"rate": 40, "seconds": 0.6, "patience": 40.0, "whole": False, "rows": 3_000}


def kept(name, site, **more):
    """Let a fault strike once; what the database accepted must be there once."""
    tally = run(FAULTS[name], site, rounds=1, seed=SEED, options=QUICK | more)
    told = tally.shown()
    assert tally.broken == [], told
    assert tally.database.lost == 0, told
    assert told["duplicate_effects"] == 0, told
    assert tally.broken_chains == 0, told
    assert tally.kills > 0
    assert told["accepted"] > 0
    return tally
