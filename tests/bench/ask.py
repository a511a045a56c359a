"""Single requests: whether a server is there, and whether it answers what is right."""

import http.client
import socket
import ssl
import subprocess
import time

ANSWER_TIMEOUT_S = 30
# A proxy may be there before what is behind it.
WRONG_FOR_S = 3
# How exactly a start can be timed.
RETRY_S = 0.001

# The certificate is made for the run.
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


class WrongAnswer(Exception):
    """What a server should not have said."""


def answer(workload, port, path=None):
    """Status and body of the answer to the workload's request."""
    path = path or workload.url_path
    if workload.tool == "h2load":
        # nghttp prints what the body is, and fails where there is none.
        told = subprocess.run(["nghttp", "--timeout=5", f"http://127.0.0.1:{port}{path}"], capture_output=True)
        if not told.stdout:
            raise ConnectionError(told.stderr.decode().strip())
        return 200, told.stdout
    if workload.scheme == "https":
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S, context=TLS)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET" if workload.body is None else "POST", path, workload.body, workload.headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def until_right(server, deadline):
    """The body of the server's first right answer."""
    wrong_since = None
    while True:
        try:
            status, body = answer(server.workload, server.port)
            if server.workload.is_right(status, body):
                return body
            complaint = f"answered {status}: {body[:200]!r}"
            wrong_since = wrong_since or time.monotonic()
        except (OSError, http.client.HTTPException) as error:
            complaint = f"{type(error).__name__}: {error}"
        _wait(server, complaint, min(deadline, (wrong_since or deadline) + WRONG_FOR_S))


def until_listening(server, port, deadline):
    """Waits until a port takes connections."""
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError as error:
            _wait(server, str(error), deadline)


def _wait(server, complaint, deadline):
    if time.monotonic() > deadline:
        raise WrongAnswer(complaint)
    server.check_alive()
    time.sleep(RETRY_S)
