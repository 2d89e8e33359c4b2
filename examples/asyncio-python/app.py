"""A program: fetches `URL` of the environment in both ways, ticking meanwhile."""

import asyncio
import os

import urlfetch
import urlfetch.adapter
import urlfetch.aio
from urlfetch.exports import command

import background
import native

urlfetch.adapter.install()
urlfetch.aio.install()


def main():
    if os.environ.get("URLFETCH_ALLOW_PRIVATE") == "1":
        urlfetch.shared().set_allow_private(True)
    asyncio.run(background.main(os.environ["URL"]))
    asyncio.run(native.main(os.environ["URL"]))


Run = command(main)
