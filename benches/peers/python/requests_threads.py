"""Python's `requests`, each call in a thread of asyncio's own pool by `asyncio.to_thread`."""

import asyncio

import requests

from peer import UPLOAD, URL, WHAT, COUNT, answer


def fetch() -> tuple[int, bytes]:
    if WHAT == "upload":
        response = requests.post(URL, data=bytes(UPLOAD), timeout=120)
    else:
        response = requests.get(URL, timeout=120)
    return response.status_code, response.content


async def fetch_all() -> list:
    return await asyncio.gather(*(asyncio.to_thread(fetch) for _ in range(COUNT)), return_exceptions=True)


answer(lambda: asyncio.run(fetch_all()))
