"""The component that `deferred_inside.py` became, under `urlfetch serve`: `python deferred_served.py WHOLE.wasm COMMAND...` serves each
program in a folder of its own, has it defer, and waits until its counter says that all of it has run. Exit code 1 when something is not
as expected."""

import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

PROGRAMS = ("plain", "with_flask", "with_django")
# Far above what a loaded machine needs, to compile the component first.
WATCHDOG = 900.0


def main(whole, *command):
    for program in PROGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            count(program, whole, command, folder)
        print(f"{program}: counts now, after its countdown, and by the custom path")


def count(program, whole, command, folder):
    lent = os.path.join(folder, "lent")
    os.mkdir(lent)
    args = [*command, whole, "--addr", "127.0.0.1:0", "--dir", f"{lent}::/data", "--tasks-file", os.path.join(folder, "tasks.db")]
    args += ["--env", "COUNTER_FILE=/data/counter", "--env", f"PROGRAM={program}"]
    server = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watchdog = threading.Timer(WATCHDOG, server.kill)
    watchdog.start()
    said = []
    try:
        address = listening(server, said)
        threading.Thread(target=lambda: said.extend(server.stdout), daemon=True).start()
        expect(ask(f"{address}/counter/get"), (200, b"0"))
        began = time.monotonic()
        expect(ask(f"{address}/counter/increment"), (200, b"Deferred counter increment."))
        for wanted, seconds in ((b"10", 0), (b"20", 1), (b"30", 2)):
            seen = until(address, wanted)
            # It was seen after it was true.
            expect(seen - began >= seconds, True)
        # Nobody else can have a function run, and the key that says so is its owner's alone.
        expect(ask(f"{address}/_ah/queue/deferred", b"forged")[0], 403)
        forged = {"X-AppEngine-TaskName": "t", "X-AppEngine-QueueName": "default", "X-CloudTasks-TaskName": "t"}
        expect(ask(f"{address}/custom/path", b"forged", forged)[0], 403)
        expect(ask(f"{address}/counter/get"), (200, b"30"))
        expect(stat.S_IMODE(os.stat(os.path.join(folder, "tasks.key")).st_mode), 0o600)
    except BaseException:
        print("".join(said), file=sys.stderr)
        raise
    finally:
        watchdog.cancel()
        server.kill()
        server.wait()


def listening(server, said):
    """The address in what the server prints."""
    for line in server.stdout:
        said.append(line)
        found = re.search(r"listening on (http://\S+)", line)
        if found:
            return found[1]
    raise SystemExit(f"the server ended before it listened:\n{''.join(said)}")


def until(address, wanted):
    """When the counter was seen to have this value. The watchdog ends a wait that is in vain."""
    while True:
        status, content = ask(f"{address}/counter/get")
        expect(status, 200)
        if content == wanted:
            return time.monotonic()
        expect(int(content) < int(wanted), True)


def ask(url, body=None, headers=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, body, headers or {}), timeout=WATCHDOG) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()


def expect(seen, wanted):
    if seen != wanted:
        raise SystemExit(f"expected {wanted!r}, saw {seen!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
