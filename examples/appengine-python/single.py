"""App Engine's documentation, "Making Asynchronous Requests": one fetch, collected later."""

from google.appengine.api import urlfetch


def single(url):
    rpc = urlfetch.create_rpc()
    urlfetch.make_fetch_call(rpc, url)

    # ... do other things ...

    try:
        result = rpc.get_result()
        if result.status_code == 200:
            text = result.content
            # ...
            return text
    except urlfetch.DownloadError:
        # Request timed out or failed.
        # ...
        return None
