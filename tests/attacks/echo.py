"""An application that says what it was asked, so that a test sees where the server thinks that a request ends."""

import json
from collections.abc import Callable, Iterable
from typing import Any


def application(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    told = {
        "asked": f"{environment['REQUEST_METHOD']} {environment['PATH_INFO']}",
        "body": environment["wsgi.input"].read().decode("latin-1"),
        "headers": {name: value for name, value in environment.items() if name.startswith(("HTTP_", "CONTENT_"))},
    }
    body = json.dumps(told).encode()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
