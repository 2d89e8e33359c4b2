"""What a peer is asked to do, by its arguments `WHAT COUNT URL [BYTES]`, and the one line of JSON that it answers with."""

import json
import resource
import sys
import time
from typing import Callable

WHAT, COUNT, URL = sys.argv[1], int(sys.argv[2]), sys.argv[3]
UPLOAD = int(sys.argv[4]) if len(sys.argv) > 4 else 0
KNOWN = {"fetch", "keep", "follow", "inflate", "upload"}


def answer(fetch_all: Callable[[], list], more: tuple[str, ...] = ()) -> None:
    """Runs `fetch_all`, which gives (status, content) or an exception for each fetch, and prints what came of it."""
    if WHAT not in KNOWN and WHAT not in more:
        sys.exit(3)
    started = time.perf_counter_ns()
    outcomes = fetch_all()
    good = [outcome for outcome in outcomes if not isinstance(outcome, BaseException) and outcome[0] == 200]
    bad = [str(outcome)[:200] for outcome in outcomes if isinstance(outcome, BaseException) or outcome[0] != 200]
    nanos = time.perf_counter_ns() - started
    print(
        json.dumps(
            {
                "nanos": nanos,
                "arrived": len(good),
                "bytes": sum(len(content) for _, content in good),
                "lost": len(bad),
                "why": bad[0] if bad else "",
                "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            }
        )
    )
