"""The program `with_django.py`, as a component."""

from urlfetch.exports import handler

import services
import with_django

application = services.below(with_django.app)
IncomingHandler = handler(application)
