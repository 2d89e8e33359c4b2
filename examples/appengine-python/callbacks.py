"""App Engine's documentation, "Making Asynchronous Requests": many fetches, with callbacks."""

from google.appengine.api import urlfetch

results = []


def handle_result(rpc):
    result = rpc.get_result()
    # ... Do something with result...
    results.append(result)


# Use a helper function to define the scope of the callback.
def create_callback(rpc):
    return lambda: handle_result(rpc)


def fetch_all(urls):
    rpcs = []
    for url in urls:
        rpc = urlfetch.create_rpc()
        rpc.callback = create_callback(rpc)
        urlfetch.make_fetch_call(rpc, url)
        rpcs.append(rpc)

    # ...

    # Finish all RPCs, and let callbacks process the results.
    for rpc in rpcs:
        rpc.wait()
