"""Runs the component that `inside.py` became, in the wheel `wasmtime`: `python run_inside.py WHOLE.wasm`. Exit code 1 when a test fails."""

import os
import sys

import wasmtime
from wasmtime.component import Component, Linker, Variant


def main(path):
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    wasi = wasmtime.WasiConfig()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    wasi.env = [(name, os.environ[name]) for name in ("ORIGIN", "TESTS") if name in os.environ]
    store.set_wasi(wasi)
    store.set_wasi_http()
    linker = Linker(engine)
    linker.add_wasip2()
    linker.add_wasi_http()
    instance = linker.instantiate(store, Component.from_file(engine, path))
    interface = instance.get_export_index(store, "wasi:cli/run@0.2.0")
    run = instance.get_func(store, instance.get_export_index(store, "run", interface))
    result = run(store)
    return 1 if isinstance(result, Variant) and result.tag == "err" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
