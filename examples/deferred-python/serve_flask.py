"""The program `with_flask.py`, as a component."""

from urlfetch.exports import handler

import services
import with_flask

application = services.below(with_flask.app)
IncomingHandler = handler(application)
