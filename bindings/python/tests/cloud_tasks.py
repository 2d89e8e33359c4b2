"""Google's own client of Cloud Tasks, by its REST transport, against a server of ours: `python cloud_tasks.py COMMAND...` starts the
server with `--tasks-listen` in a folder of its own, and does with the client what a program would. Exit code 1 when something is not as
the service would have it."""

import datetime
import http.server
import os
import re
import subprocess
import sys
import tempfile
import threading

import jwt
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import InvalidOperation
from google.auth.transport.requests import Request
from google.cloud import tasks_v2
from google.oauth2 import id_token
from google.oauth2.credentials import Credentials
from google.protobuf import duration_pb2, field_mask_pb2, timestamp_pb2
from jwt.exceptions import InvalidAudienceError, InvalidSignatureError

# Far above what a loaded machine needs.
WATCHDOG = 600.0
LOCATION = "projects/project/locations/here"
QUEUE = f"{LOCATION}/queues/default"
URL = "http://app.urlfetch.internal"


def main(*command):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "tasks.db")
        args = [*command, "--tasks-file", file, "--tasks-listen", "127.0.0.1:0"]
        server = subprocess.Popen(args, stdout=subprocess.PIPE, text=True)
        watchdog = threading.Timer(WATCHDOG, server.kill)
        watchdog.start()
        try:
            address = listening(server)
            with open(os.path.join(folder, "tasks.token")) as token:
                check(address, token.read().strip())
        finally:
            watchdog.cancel()
            server.kill()
            server.wait()


def listening(server):
    """The address of the API in what the server prints."""
    for line in server.stdout:
        found = re.search(r"tasks on (http://\S+)", line)
        if found:
            return found[1]
    raise SystemExit("the server ended before it listened")


def client_of(address, credentials):
    options = ClientOptions(api_endpoint=address)
    return tasks_v2.CloudTasksClient(credentials=credentials, transport="rest", client_options=options)


def check(address, token):
    # Who is told 401 asks for other credentials, and the anonymous have none.
    strangers = [(AnonymousCredentials(), InvalidOperation), (Credentials("x" * 32), exceptions.Forbidden)]
    for credentials, error in strangers:
        refused(error, "", lambda c=credentials: client_of(address, c).get_queue(name=QUEUE))
    client = client_of(address, Credentials(token))
    checks = [
        tasks_are_made_read_listed_and_deleted,
        many_are_made_and_deleted_at_once,
        names_are_used_once,
        errors_are_the_services,
        queues_change,
        due_tasks_run,
        lambda client: tokens_are_what_googles_verifier_takes(client, address),
    ]
    for claim in checks:
        claim(client)
    print(f"google-cloud-tasks {tasks_v2.__version__}: {len(checks)} claims hold")


def tasks_are_made_read_listed_and_deleted(client):
    queue = made(client, "listed")
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    asked = tasks_v2.Task(
        name=f"{queue}/tasks/first",
        http_request=tasks_v2.HttpRequest(
            url=f"{URL}/work",
            http_method=tasks_v2.HttpMethod.PUT,
            headers={"X-Mine": "yes", "Content-Type": "text/plain"},
            body=b"\x00\xff\xfe body",
        ),
        schedule_time=later,
        dispatch_deadline=duration_pb2.Duration(seconds=15),
    )
    task = client.create_task(request={"parent": queue, "task": asked, "response_view": tasks_v2.Task.View.FULL})
    expect(task.name, asked.name)
    expect(task.http_request.http_method, tasks_v2.HttpMethod.PUT)
    expect(task.http_request.body, b"\x00\xff\xfe body")
    expect(dict(task.http_request.headers), {"User-Agent": "Google-Cloud-Tasks", "X-Mine": "yes", "Content-Type": "text/plain"})
    expect(abs(task.schedule_time - later) < datetime.timedelta(milliseconds=1), True)
    expect(task.dispatch_deadline, datetime.timedelta(seconds=15))
    expect(task.create_time.microsecond, 0)
    expect(task.view, tasks_v2.Task.View.FULL)

    basic = client.get_task(name=task.name)
    expect((basic.http_request.body, basic.view), (b"", tasks_v2.Task.View.BASIC))
    full = client.get_task(request={"name": task.name, "response_view": tasks_v2.Task.View.FULL})
    expect(full, task)

    unnamed = tasks_v2.Task(http_request={"url": URL}, schedule_time=later)
    names = {client.create_task(parent=queue, task=unnamed).name for _ in range(4)} | {task.name}
    expect(len(names), 5)
    # Page by page.
    expect({listed.name for listed in client.list_tasks(request={"parent": queue, "page_size": 2})}, names)
    client.delete_task(name=task.name)
    expect({listed.name for listed in client.list_tasks(parent=queue)}, names - {task.name})
    gone = "The task no longer exists, though a task with this name existed recently."
    refused(exceptions.NotFound, gone, lambda: client.get_task(name=task.name))
    refused(exceptions.NotFound, gone, lambda: client.delete_task(name=task.name))
    refused(exceptions.NotFound, "Requested entity was not found.", lambda: client.get_task(name=f"{queue}/tasks/never"))
    client.purge_queue(name=queue)
    expect(list(client.list_tasks(parent=queue)), [])


def many_are_made_and_deleted_at_once(client):
    queue = made(client, "batches")

    def request(name, url=URL):
        return {
            "parent": queue,
            "task": {"name": f"{queue}/tasks/{name}", "http_request": {"url": url}, "schedule_time": in_days(1)},
        }

    requests = [request("a"), request("b"), request("a"), request("c", "ftp://a")]
    operation = client.batch_create_tasks(request={"parent": queue, "requests": requests})
    expect(operation.done(), True)
    expect([task.name for task in operation.result().tasks], [f"{queue}/tasks/a", f"{queue}/tasks/b"])
    failed = {index: status.code for index, status in operation.metadata.failed_requests.items()}
    expect(failed, {2: 6, 3: 3})
    expect(operation.metadata.state.name, "PARTIALLY_SUCCEEDED")
    names = [f"{queue}/tasks/{name}" for name in ["a", "b"]]
    operation = client.batch_delete_tasks(request={"parent": queue, "names": names})
    expect((operation.done(), operation.metadata.state.name), (True, "SUCCEEDED"))
    operation.result()
    expect(list(client.list_tasks(parent=queue)), [])
    refused(
        exceptions.Aborted,
        "None of the requests succeeded",
        client.batch_delete_tasks(request={"parent": queue, "names": names}).result,
    )


def tokens_are_what_googles_verifier_takes(client, address):
    shown = []

    class Target(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            shown.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    target = http.server.HTTPServer(("127.0.0.1", 0), Target)
    url = f"http://127.0.0.1:{target.server_address[1]}/work"
    account = "queue@project.iam.gserviceaccount.com"
    oidc = [{"service_account_email": account}, {"service_account_email": account, "audience": "https://app.test"}]
    for token in oidc:
        client.create_task(parent=QUEUE, task={"http_request": {"url": url, "oidc_token": token}})
        target.handle_request()
    target.server_close()
    tokens = {verified(token, address)["aud"]: token for token in (value.removeprefix("Bearer ") for value in shown)}
    expect(set(tokens), {url, "https://app.test"})
    token = tokens[url]
    claims = verified(token, address, url)
    expect((claims["iss"], claims["email"], claims["email_verified"]), (address, account, True))
    expect(claims["exp"] - claims["iat"], 3600)
    refused(InvalidAudienceError, "", lambda: verified(token, address, "https://app.test"))
    # The last letters but one: some bits of the last one are not read.
    forged = token[:-4] + ("AA" if token[-4:-2] != "AA" else "BB") + token[-2:]
    refused(InvalidSignatureError, "", lambda: verified(forged, address, url))


def verified(token, address, audience=None):
    """What a token says, when Google's own verifier takes it."""
    if audience is None:
        audience = unverified(token)["aud"]
    return id_token.verify_token(token, Request(), audience=audience, certs_url=f"{address}/jwks")


def unverified(token):
    return jwt.decode(token, options={"verify_signature": False})


def names_are_used_once(client):
    task = {"name": f"{QUEUE}/tasks/once", "http_request": {"url": f"{URL}/200"}, "schedule_time": in_days(1)}
    client.create_task(parent=QUEUE, task=task)
    # By REST the client tells errors apart by their status alone: Conflict, not AlreadyExists.
    refused(exceptions.Conflict, "Requested entity already exists", lambda: client.create_task(parent=QUEUE, task=task))
    client.delete_task(name=task["name"])
    refused(exceptions.Conflict, "Requested entity already exists", lambda: client.create_task(parent=QUEUE, task=task))


def errors_are_the_services(client):
    def create(parent=QUEUE, **task):
        task.setdefault("http_request", {"url": URL})
        return lambda: client.create_task(parent=parent, task=task)

    bad = exceptions.BadRequest
    other = f"{LOCATION}/queues/other"
    named = f"The queue name from request ('{QUEUE}') must be the same as the queue name in the named task ('{other}')."
    large = {"url": URL, "body": b"x" * 1_048_576}
    for error, message, call in [
        (exceptions.NotFound, "Queue does not exist.", create(parent=other)),
        (bad, named, create(name=f"{other}/tasks/t")),
        (bad, 'Task ID "a b" can contain only letters', create(name=f"{QUEUE}/tasks/a b")),
        (bad, "HttpRequest.url is required.", create(http_request={"body": b"x"})),
        (bad, "HttpTarget.url must start with 'http://' or 'https://'.", create(http_request={"url": "ftp://a"})),
        (bad, "Task.dispatchDeadline must be between [15s, 30m].", create(dispatch_deadline=duration_pb2.Duration(seconds=14))),
        (bad, "is too far in the future. Schedule time must be no more than 720h", create(schedule_time=in_days(31))),
        (bad, "Task size too large", create(http_request=large)),
        (bad, "oauthToken", create(http_request={"url": URL, "oauth_token": {"service_account_email": "a@b.c"}})),
        (
            bad,
            "appEngineHttpRequest",
            lambda: client.create_task(parent=QUEUE, task={"app_engine_http_request": {"relative_uri": "/"}}),
        ),
    ]:
        refused(error, message, call)


def queues_change(client):
    queue = made(client, "changing")
    refused(exceptions.Conflict, "Queue already exists", lambda: made(client, "changing"))
    changed = tasks_v2.Queue(name=queue, rate_limits={"max_dispatches_per_second": 7}, retry_config={"max_attempts": 9})
    mask = field_mask_pb2.FieldMask(paths=["rate_limits.max_dispatches_per_second"])
    changed = client.update_queue(queue=changed, update_mask=mask)
    expect((changed.rate_limits.max_dispatches_per_second, changed.retry_config.max_attempts), (7.0, 100))
    too_fast = tasks_v2.Queue(name=queue, rate_limits={"max_dispatches_per_second": 501})
    message = "RateLimits.maxDispatchesPerSecond must be less than or equal to 500."
    refused(exceptions.BadRequest, message, lambda: client.update_queue(queue=too_fast))
    expect(client.get_queue(name=queue).retry_config.min_backoff, datetime.timedelta(milliseconds=100))
    expect(queue in {listed.name for listed in client.list_queues(parent=LOCATION)}, True)
    expect(client.pause_queue(name=queue).state, tasks_v2.Queue.State.PAUSED)
    expect(client.resume_queue(name=queue).state, tasks_v2.Queue.State.RUNNING)
    client.delete_queue(name=queue)
    refused(exceptions.BadRequest, "a queue with this name existed too recently", lambda: made(client, "changing"))


def due_tasks_run(client):
    queue = made(client, "running")
    client.pause_queue(name=queue)
    due = client.create_task(parent=queue, task={"http_request": {"url": f"{URL}/200"}})
    forced = client.create_task(parent=queue, task={"http_request": {"url": f"{URL}/503"}, "schedule_time": in_days(1)})
    # By hand, although the queue is paused and the task not due.
    client.run_task(name=forced.name)
    while client.get_task(name=forced.name).response_count == 0:
        pass
    ran = client.get_task(name=forced.name)
    expect((ran.dispatch_count, ran.last_attempt.response_status.code), (1, 14))
    expect(client.get_task(name=due.name).dispatch_count, 0)
    client.resume_queue(name=queue)
    while True:
        try:
            client.get_task(name=due.name)
        except exceptions.NotFound:
            break
    client.purge_queue(name=queue)


def made(client, name):
    return client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=f"{LOCATION}/queues/{name}")).name


def in_days(days):
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days))
    return stamp


def refused(error, message, call):
    try:
        call()
    except error as raised:
        if message not in str(raised):
            raise SystemExit(f"expected {message!r}, saw {raised}") from raised
    else:
        raise SystemExit(f"expected {error.__name__}: {message}")


def expect(seen, wanted):
    if seen != wanted:
        raise SystemExit(f"expected {wanted!r}, saw {seen!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
