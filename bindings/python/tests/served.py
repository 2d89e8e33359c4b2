"""The component that `inside.py` became, behind HTTP: `python served.py WHOLE.wasm COMMAND...` starts the host, which must print the
address it serves on, and asks the example for what the origin has. Exit code 1 when an answer is not as expected."""

import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

# Far above what a loaded machine needs, to compile the component first.
WATCHDOG = 900.0


def main(whole, *command):
    host = subprocess.Popen([*command, whole], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watchdog = threading.Timer(WATCHDOG, host.kill)
    watchdog.start()
    try:
        address = listening(host)
        threading.Thread(target=host.stdout.read, daemon=True).start()
        origin = os.environ["ORIGIN"].rstrip("/")
        expect(ask(address, "/single", [f"{origin}/bytes/7"]), (200, bytes(7)))
        expect(ask(address, "/single", [f"{origin}/close"]), (502, b"request timed out or failed\n"))
        slow = [f"{origin}/delay/200/{n}" for n in range(10)]
        expect(ask(address, "/callbacks", slow), (200, b"".join(b"200 %d\n" % n for n in range(10))))
        # The request being served, fetched by itself.
        expect(ask(address, "/callbacks", [f"{address}/callbacks"])[0], 500)
        expect(ask(address, "/elsewhere", [])[0], 404)
    finally:
        watchdog.cancel()
        host.kill()
        host.wait()
    print(f"served by {os.path.basename(command[0])} {command[1]}: 5 requests answered as expected")


def listening(host):
    """The address in what the host prints."""
    said = []
    for line in host.stdout:
        said.append(line)
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            return found[0]
    raise SystemExit(f"the host ended before it served:\n{''.join(said)}")


def ask(address, path, urls):
    query = urllib.parse.urlencode([("url", url) for url in urls])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{address}{path}?{query}", timeout=WATCHDOG) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()


def expect(seen, wanted):
    if seen != wanted:
        raise SystemExit(f"expected {wanted!r}, saw {seen!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
