"""The programs of `examples/deferred-python` as one component: the variable PROGRAM says which of them answers. A minute of their
countdowns takes a second."""

import os

import services
from google.appengine.ext import deferred

environ = services.environ
defer = deferred.defer


def soon(obj, *args, **options):
    if "_countdown" in options:
        options["_countdown"] /= 60
    return defer(obj, *args, **options)


deferred.defer = soon

import plain  # noqa: E402  # calls wrap_wsgi_app, and finds `deferred` as it is by then
import with_django  # noqa: E402
import with_flask  # noqa: E402
from urlfetch.exports import handler  # noqa: E402

PROGRAMS = {module.__name__: services.below(module.app) for module in (plain, with_django, with_flask)}


def application(request, start_response):
    environ.update(os.environ)
    return PROGRAMS[environ["PROGRAM"]](request, start_response)


IncomingHandler = handler(application)
