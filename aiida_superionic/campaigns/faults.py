"""What is wrong with a campaign file, in sentences: what was written where, and what would be right."""

from __future__ import annotations

import json
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from aiida_superionic.analysis.registry import observables
from aiida_superionic.campaigns.document import Location
from aiida_superionic.campaigns.observable_request import ObservableRequest, parameters_model
from aiida_superionic.campaigns.wording import quote, unknown


def faults_of(
    error: ValidationError, kind: type[BaseModel], others: tuple[type[BaseModel], ...], model: str
) -> list[tuple[Location, str]]:
    """Return the place and the sentence of each fault of a file.

    Parameters
    ----------
    error
        What its validation gave.
    kind
        What it was validated as.
    others
        What it would have been with another model.
    model
        The model that it names.
    """
    # A list whose items were refused counts as too short as well: that is no fault of its own.
    told = [details for details in error.errors() if details["type"] != "too_short" or not details["input"]]
    return [
        ((*details["loc"], *details.get("ctx", {}).get("below", ())), _sentence(kind, others, model, details))
        for details in told
    ]


def missing(key: str, field: FieldInfo) -> str:
    """Return the sentence about a key that is not there."""
    return f"the key {key} is missing; {_right(key, field)}"


def _sentence(kind: type[BaseModel], others: tuple[type[BaseModel], ...], model: str, error: ErrorDetails) -> str:
    """Return what is wrong and what would be right."""
    location: Location = error["loc"]
    if error["type"] == "campaign":
        return error["msg"]
    if error["type"] == "extra_forbidden":
        key = str(location[-1])
        if any(key in _keys(other, location[:-1]) for other in others):
            return f"the key {key} has no meaning with model: {model}; remove it, or take another model"
        return unknown("key", key, _keys(kind, location[:-1]))
    place, field = _field(kind, location)
    key = ".".join(str(part) for part in place if isinstance(part, str))
    if error["type"] == "missing" and place == location:
        return missing(key, field)
    return f"{key}: {quote(error['input'])} is not valid; {_right(key, field)}"


def _right(key: str, field: FieldInfo) -> str:
    example = field.examples[0] if field.examples else None
    return f"write {field.description}, for example {key.rpartition('.')[2]}: {_as_yaml(example)}"


def _keys(kind: type[BaseModel], location: Location) -> dict[str, FieldInfo]:
    """Return what the mapping at a location may hold; nothing where a campaign of this kind has no mapping."""
    forms: list[Any] = [kind]
    for part in location:
        forms = [deeper for form in forms for deeper in _forms(_below(form, part))]
    return {
        key: field
        for form in forms
        if isinstance(form, type) and issubclass(form, BaseModel)
        for key, field in form.model_fields.items()
    }


def _below(form: Any, part: str | int) -> Any:
    """Return what stands below a key or an index of one form; None where nothing can."""
    if isinstance(form, type) and issubclass(form, ObservableRequest):
        return parameters_model(part) if part in observables() else None
    if isinstance(form, type) and issubclass(form, BaseModel):
        return form.model_fields[part].annotation if part in form.model_fields else None
    arguments = get_args(form)
    if get_origin(form) is tuple and isinstance(part, int):
        return arguments[0]
    return arguments[1] if get_origin(form) is dict else None


def _forms(annotation: Any) -> list[Any]:
    """Return the forms that a value of a type may have."""
    if get_origin(annotation) is Annotated:
        return _forms(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return [form for option in get_args(annotation) for form in _forms(option)]
    return [annotation]


def _field(kind: type[BaseModel], location: Location) -> tuple[Location, FieldInfo]:
    """Return the innermost key on the way to a location, and what a campaign may say there."""
    for depth in range(len(location), 0, -1):
        if field := _keys(kind, location[: depth - 1]).get(str(location[depth - 1])):
            return location[:depth], field
    raise KeyError(location)


def _as_yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")
