"""docs/reference says what the types say."""

from pathlib import Path

import pytest

from hotupgrade_api import reference

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "reference"


@pytest.mark.parametrize("file", reference.UNIONS)
def test_reference_page_equals_the_types(file: str) -> None:
    assert (FOLDER / file).read_text() == reference.page(file), "run `make reference`"
