"""Serves the application of a module over HTTP, until its input ends: `python deferred_program.py serve_plain`. Prints its address."""

import importlib
import sys

from cloudtasks import Served

application = importlib.import_module(sys.argv[1]).application
served = Served(application)
print(served.url, flush=True)
sys.stdin.read()
served.close()
