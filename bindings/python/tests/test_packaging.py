"""What an installed package needs, and what it does without. Only as ordinary Python: it starts interpreters."""

import subprocess
import sys
import unittest


def without_wasmtime(program):
    """Runs a program in an interpreter that does not find the wheel `wasmtime`."""
    hidden = f"import sys; sys.modules['wasmtime'] = None\n{program}"
    return subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)


class Packaging(unittest.TestCase):
    def test_a_component_is_made_without_the_wheel_wasmtime(self):
        ran = without_wasmtime("from urlfetch.bundle import main; sys.exit(main(['--help']))")
        self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_fetching_without_it_says_what_to_install(self):
        ran = without_wasmtime("import urlfetch; urlfetch.fetch('http://example.com/')")
        self.assertIn("urlfetch-rpc[native]", ran.stderr)

    def test_an_app_that_is_not_there_is_refused_with_one_line(self):
        command = [sys.executable, "-m", "urlfetch.bundle", "no-such.py"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((ran.returncode, ran.stderr), (2, "bundle: APP: no file no-such.py\n"))
