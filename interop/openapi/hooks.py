"""What Schemathesis loads: it sends the stories beside what it thinks of itself, and notes each status."""

import functools
import json
import os

import schemathesis

from stories import STORIES

SEEN = os.environ["OPENAPI_SEEN"]
# Records that exist, by the names that requests have for them.
KNOWN = json.loads(os.environ["OPENAPI_KNOWN"])


@functools.cache
def story_of(operation):
    """A body that would succeed, but for what others have done meanwhile."""
    tell = STORIES.get(operation)
    return tell().get("body") if tell else None


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Bodies from which the coverage phase departs, by one member at a time."""
    for path, methods in raw_schema["paths"].items():
        for method, operation in methods.items():
            if body := story_of(f"{method.upper()} {path}"):
                operation["requestBody"]["content"]["application/json"]["example"] = body


@schemathesis.hook
def before_add_examples(context, examples):
    tell = STORIES.get(context.operation.label)
    if tell is not None:
        examples.append(context.operation.Case(media_type="application/json", **tell()))


@schemathesis.hook
def map_body(context, body):
    """Lets requests come farther than their first check.

    Of every second the body is one that would succeed, with a single member as it was invented; in the others every second
    id is real.
    """
    if not isinstance(body, dict) or not body:
        return body
    size = sum(len(name) for name in body)
    if size % 2 == 0 and (story := story_of(context.operation.label)):
        name = sorted(body)[size % len(body)]
        return {**story, name: body[name]}
    is_known = {name: isinstance(value, str) and len(value) % 2 == 0 and name in KNOWN for name, value in body.items()}
    return {name: KNOWN[name] if is_known[name] else value for name, value in body.items()}


@schemathesis.hook
def before_call(context, case, **kwargs):
    # How long a request is, is between client and library; a lie about it is answered before any call is known.
    for name in ("content-length", "transfer-encoding"):
        case.headers.pop(name, None)


@schemathesis.hook
def after_call(context, case, response):
    with open(SEEN, "a") as seen:
        seen.write(json.dumps([case.operation.label, response.status_code]) + "\n")
