"""`python -m urlfetch.bundle APP`: a Python module, with what it imports, as one component that fetches.

Runs componentize-py on the module and composes the result with `urlfetch.wasm`. The packages of this interpreter are found without
further ado; only what the module imports goes in.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib import resources
from pathlib import Path

WORLDS = ("handler", "command", "command-and-handler")


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, 1 when a tool failed, 2 when an argument is wrong or a tool is missing."""
    parser = argparse.ArgumentParser(prog="python -m urlfetch.bundle", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("app", help="the module: a name, found in --path, or a file")
    parser.add_argument("-o", "--output", default="app.wasm", help="where to write the component (app.wasm)")
    parser.add_argument(
        "-w", "--world", choices=WORLDS, default=WORLDS[0], help="what the module has: IncomingHandler, Run, both (handler)"
    )
    parser.add_argument(
        "-p", "--path", action="append", default=[], help="a folder to import from, before this interpreter's packages"
    )
    parser.add_argument("--alone", action="store_true", help="do not compose: leave urlfetch:rpc to be plugged in later")
    chosen = parser.parse_args(arguments)
    try:
        bundle(chosen.app, Path(chosen.output), chosen.world, [Path(path) for path in chosen.path], chosen.alone)
    except FileNotFoundError as missing:
        print(f"bundle: {missing}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as failed:
        print(f"bundle: {Path(failed.cmd[0]).name} failed; what it said is above", file=sys.stderr)
        return 1
    print(f"{chosen.output}: {Path(chosen.output).stat().st_size:,} bytes")
    return 0


def bundle(app: str, output: Path, world: str, path: list[Path], alone: bool = False) -> None:
    """As the command does. Raises FileNotFoundError for a tool or an app that is not there, CalledProcessError for one that fails."""
    if app.endswith(".py"):
        if not Path(app).is_file():
            raise FileNotFoundError(f"APP: no file {app}")
        path = [Path(app).resolve().parent, *path]
        app = Path(app).stem
    componentize = _tool("componentize-py", "pip install 'urlfetch-rpc[bundle]'")
    compose = None if alone else _composer()
    folders = [*(path or [Path(".")]), *(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib"))]
    with tempfile.TemporaryDirectory() as scratch:
        single = Path(scratch) / "app.wasm"
        command = [componentize, "--quiet", "--world", f"urlfetch:python/{world}", "componentize", app, "--output", str(single)]
        for folder in dict.fromkeys(folders):
            command += ["--python-path", str(folder)]
        # The variable would add its packages a second time.
        _run(command, {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"})
        if compose is None:
            shutil.copyfile(single, output)
            return
        with resources.as_file(resources.files(__package__).joinpath("urlfetch.wasm")) as plug:
            _run([part.format(app=single, plug=plug, output=output) for part in compose], dict(os.environ))


def _composer() -> list[str]:
    try:
        return [_tool("urlfetch", ""), "compose", "{app}", "-o", "{output}"]
    except FileNotFoundError:
        wac = _tool("wac", "cargo install wac-cli --version '>=0.10', or install the command urlfetch")
        return [wac, "plug", "{app}", "--plug", "{plug}", "-o", "{output}"]


def _tool(name: str, remedy: str) -> str:
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=beside)
    if found is None:
        raise FileNotFoundError(f"no {name} on PATH: {remedy}")
    return found


def _run(command: list[str], environment: dict[str, str]) -> None:
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if finished.returncode != 0:
        # What a tool says when all is well is said once more below.
        print(finished.stdout, file=sys.stderr, end="")
        raise subprocess.CalledProcessError(finished.returncode, command)


if __name__ == "__main__":
    sys.exit(main())
