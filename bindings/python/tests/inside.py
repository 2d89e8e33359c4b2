"""All of these tests, and the example that serves, as one component: `Run` runs the tests, `IncomingHandler` is the example's.

What a test imports late is imported here: a component is a snapshot of the interpreter and has no files."""

import difflib  # noqa: F401
import encodings.idna  # noqa: F401
import encodings.latin_1  # noqa: F401
import os
import pprint  # noqa: F401
import sys
import unittest
import unittest._log  # noqa: F401

import test_aio
import test_appengine
import test_asynchttp
import test_errors
import test_examples
import test_fetching
import test_requests
import test_waiting
from app import IncomingHandler
from urlfetch.exports import command

__all__ = ["IncomingHandler", "Run"]

MODULES = (test_aio, test_appengine, test_asynchttp, test_errors, test_examples, test_fetching, test_requests, test_waiting)


def main():
    loader = unittest.TestLoader()
    names = os.environ.get("TESTS", "").split()
    loader.testNamePatterns = [f"*{name}*" for name in names] or None
    suite = unittest.TestSuite(loader.loadTestsFromModule(module) for module in MODULES)
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=1).run(suite)
    return 0 if result.wasSuccessful() and result.testsRun else 1


Run = command(main)
