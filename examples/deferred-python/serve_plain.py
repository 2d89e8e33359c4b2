"""The program `plain.py`, as a component."""

from urlfetch.exports import handler

import services
import plain

application = services.below(plain.app)
IncomingHandler = handler(application)
