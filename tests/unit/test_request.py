"""The request annotation: what a person writes there, or a plugin for him."""

import pytest

from hotupgrade_api.request import Request, Verb, parse


@pytest.mark.parametrize("verb", list(Verb))
def test_a_request_reads_as_it_was_written(verb: Verb) -> None:
    request = Request(verb, "7f3a")
    assert parse(str(request)) == request


@pytest.mark.parametrize(
    "annotation", ["", "promote", "promote/", "/1", "fly/1", "undo/" + "x" * 65]
)
def test_anything_else_is_no_request(annotation: str) -> None:
    assert parse(annotation) is None
