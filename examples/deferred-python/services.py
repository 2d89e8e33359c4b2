"""What App Engine has below the SDK, for a program that runs elsewhere: tasks by `urlfetch`, and entities in a file, by the SDK's own
datastore for tests. Import this module before the program: that calls `wrap_wsgi_app`, which replaces `os.environ`."""

import encodings.latin_1  # noqa: F401  # what is imported late is not there in a component
import os

from google.appengine.api import apiproxy_stub_map, datastore_file_stub
from google.appengine.api.memcache import memcache_stub

from urlfetch import taskqueue

APPLICATION = "counter"
environ = os.environ

# The SDK asks for it when it is imported; who deploys to App Engine is not asked.
environ.setdefault("GAE_APPLICATION", APPLICATION)
taskqueue.register()


class Memcache(memcache_stub.MemcacheServiceStub):
    """The SDK's own for tests, without its threads: a component has one."""

    THREADSAFE = False


def below(application):
    """The application, with what each of its requests finds below the SDK. Entities are read from the file COUNTER_FILE when a request
    begins, and written whenever they change: one request after the other, for a program that is an example."""

    def served(request, start_response):
        services = apiproxy_stub_map.apiproxy
        services.ReplaceStub("datastore_v3", datastore_file_stub.DatastoreFileStub(APPLICATION, environ["COUNTER_FILE"]))
        services.ReplaceStub("memcache", Memcache())
        return application(request, start_response)

    return taskqueue.guard(served)
