"""A background coroutine beside a slow GET, by `requests`, in a function that asyncio runs "in another thread"."""

import asyncio

import requests


# some background task
async def background():
    while True:
        print("Running in the background...")
        await asyncio.sleep(0.01)


# main coroutine
async def main(url):
    # create the background task
    task = asyncio.create_task(background())
    # allow the background task to start executing
    await asyncio.sleep(0)
    # perform a blocking http get request in a separate thread
    print("Starting request")
    result = await asyncio.to_thread(requests.get, url)
    # report results
    print(f"Status Code: {result.status_code}")
    print(f"Content Length: {len(result.text)}")
    task.cancel()
