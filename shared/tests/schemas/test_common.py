"""What every list, and every call that names somebody, accepts."""

import importlib
import inspect
import pkgutil
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from delinkcious import schemas
from delinkcious.http.decode import _is_list
from delinkcious.object_model.paging import MAX_TOKEN_LENGTH
from delinkcious.schemas.common import Paging, Username

USERNAME: TypeAdapter[str] = TypeAdapter(Username)


def read_models() -> list[type[BaseModel]]:
    """Returns every model that requests are read with; those of answers are called schemas."""
    modules = [
        importlib.import_module(f"{schemas.__name__}.{module.name}")
        for module in pkgutil.iter_modules(schemas.__path__)
    ]
    return sorted(
        {
            model
            for module in modules
            for _, model in inspect.getmembers(module, inspect.isclass)
            if issubclass(model, BaseModel)
            and model is not BaseModel
            and not model.__name__.endswith("Schema")
        },
        key=lambda model: model.__name__,
    )


@pytest.mark.parametrize("model", read_models())
def test_no_field_of_a_request_takes_a_nul(model: type[BaseModel]) -> None:
    """Postgres has no NUL in its texts, so it would be a fault of ours there."""
    values = {
        name: ["a\0b"] if _is_list(field.annotation) else "a\0b"
        for name, field in model.model_fields.items()
    }
    with pytest.raises(ValidationError) as error:
        model.model_validate(values)
    assert {mistake["loc"][0] for mistake in error.value.errors()} == set(values)


@pytest.mark.parametrize("name", ["a", "alice", "Alice-7", "0-0", "a" * 64])
def test_a_github_login_is_a_username_in_lower_case(name: str) -> None:
    assert USERNAME.validate_python(name) == name.lower()


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "a--b", "a b", "a_b", "a.b", "a/b", "a\n", "\na", "\xe9", "\u212a", "a" * 65],
)
def test_nothing_else_is_a_username(name: str) -> None:
    with pytest.raises(ValidationError):
        USERNAME.validate_python(name)


@given(st.text(max_size=70))
def test_a_username_can_stand_in_a_path_a_key_and_a_subject(name: str) -> None:
    try:
        accepted = USERNAME.validate_python(name)
    except ValidationError:
        return
    assert re.fullmatch(r"[a-z0-9-]{1,64}", accepted)


def test_a_page_starts_at_the_beginning_and_has_twenty_rows() -> None:
    paging = Paging()
    assert (paging.start_token, paging.page_size) == (None, 20)


@pytest.mark.parametrize("size", [1, 20, 1000])
def test_a_page_may_be_this_large(size: int) -> None:
    assert Paging(page_size=size).page_size == size


@pytest.mark.parametrize("size", [0, -1, 1001, 10**9])
def test_a_page_may_not_be_that_large(size: int) -> None:
    with pytest.raises(ValidationError):
        Paging(page_size=size)


def test_a_page_token_has_a_longest_length() -> None:
    assert Paging(start_token="x" * MAX_TOKEN_LENGTH).start_token
    with pytest.raises(ValidationError):
        Paging(start_token="x" * (MAX_TOKEN_LENGTH + 1))
