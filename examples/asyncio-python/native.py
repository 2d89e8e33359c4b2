"""The same without `requests`: a fetch that is awaited."""

import asyncio

import urlfetch.aio
from background import background


async def main(url):
    task = asyncio.create_task(background())
    await asyncio.sleep(0)
    print("Starting request")
    result = await urlfetch.aio.fetch(url)
    print(f"Status Code: {result.status_code}")
    print(f"Content Length: {len(result.text)}")
    task.cancel()
