"""What an installed package needs, and what it does without. Only as ordinary Python: it starts interpreters."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import single
from origin import at

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parents[2]
BUILT = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "debug"
PIP = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")


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


class Outside(unittest.TestCase):
    """An application in a folder outside of the repository, with an interpreter of its own that the wheel is installed for."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="urlfetch-outside-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.python = self.folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        self.run_there(sys.executable, "-m", "venv", "venv")
        self.run_there(self.python, *PIP, "--no-deps", "--require-hashes", "--requirement", self.locked())
        (wheel,) = (REPOSITORY / "target" / "python" / "dist").glob("*.whl")
        # What its extras ask for is there already, or would be fetched.
        self.run_there(self.python, *PIP, "--no-index", f"{wheel}[bundle,native]")
        for program in Path(single.__file__).parent.glob("*.py"):
            shutil.copy(program, self.folder)

    def locked(self):
        """The lock of what the README of the example installs."""
        lock = (TESTS.parent / "requirements.txt").read_text()
        names = ("appengine-python-standard", "componentize-py", "protobuf", "six", "wasmtime")
        pins = [pin for pin in re.split(r"\n(?=\S)", lock) if pin.startswith(tuple(f"{name}==" for name in names))]
        self.assertEqual(len(pins), len(names))
        chosen = self.folder / "requirements.txt"
        chosen.write_text("\n".join(pins))
        return chosen

    def run_there(self, *command):
        path = os.pathsep.join([str(BUILT), os.environ["PATH"]])
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PATH": path}
        ran = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, f"{command}\n{ran.stdout}\n{ran.stderr}")
        return ran.stdout

    def test_app_engines_programs_run_from_the_wheel(self):
        program = f"""
import callbacks, single, urlfetch
from urlfetch.appengine import register
register()
urlfetch.shared().set_allow_private(True)
print(len(single.single({at("/bytes/7")!r})))
callbacks.fetch_all([{at("/bytes/3")!r}, {at("/status/404")!r}])
print([result.status_code for result in callbacks.results], urlfetch.__file__)
"""
        size, results = self.run_there(self.python, "-c", program).splitlines()
        self.assertEqual(size, "7")
        self.assertIn("[200, 404]", results)
        self.assertIn(str(self.folder), results)
        # As the README of the example says; `served.py` asks it for both programs.
        self.run_there(self.python, "-m", "urlfetch.bundle", "app.py", "-o", "whole.wasm")
        serve = [BUILT / "urlfetch", "serve", "--addr", "127.0.0.1:0", "--env", "URLFETCH_ALLOW_PRIVATE=1"]
        self.assertIn("answered as expected", self.run_there(self.python, TESTS / "served.py", "whole.wasm", *serve))
