"""The origin under test, and what the tests share. `ORIGIN` names it: the loopback origin of this repository, whose paths are
described in host/src/origin/loopback.rs."""

import os
import unittest

import urlfetch


def at(path):
    """The URL of a path of the origin."""
    return os.environ["ORIGIN"].rstrip("/") + path


def started(path, **options):
    """An rpc that is running."""
    creation = {name: options.pop(name) for name in ("deadline", "callback") if name in options}
    return urlfetch.make_fetch_call(urlfetch.create_rpc(**creation), at(path), **options)


class TestCase(unittest.TestCase):
    """A test that may fetch from loopback."""

    def setUp(self):
        urlfetch.shared().set_allow_private(True)
        urlfetch.set_default_fetch_deadline(30)
        self.addCleanup(urlfetch.set_default_fetch_deadline, None)
