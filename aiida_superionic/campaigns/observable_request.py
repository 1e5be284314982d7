"""An observable that a campaign asks for, with parameters checked against the registry."""

from __future__ import annotations

from functools import cache
from types import NoneType
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    create_model,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from aiida_superionic.analysis.needs import needs_in_words, routine_observables, unmet
from aiida_superionic.analysis.registry import alternatives, element_type, observables
from aiida_superionic.campaigns.crystal import Crystal
from aiida_superionic.campaigns.values import ParameterValue, fault, named_plainly, without_lists
from aiida_superionic.campaigns.wording import quote, unknown


class ObservableRequest(BaseModel):
    """An observable, and those of its parameters that do not keep their defaults.

    In the file it is the observable's name, or a mapping from that name to the parameters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    parameters: dict[str, ParameterValue]

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, value: Any) -> dict[str, Any]:
        name = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else value
        if not isinstance(name, str):
            raise fault(
                f"{quote(value)} is not an observable; write a name, or one name with parameters such as"
                " friction: {longest_lag: 3.0}"
            )
        if name not in observables():
            raise fault(unknown("observable", name, observables()))
        if name is value:
            return {"name": name, "parameters": {}}
        # The mapping is validated whole, so that the place of a fault in it begins with the observable's name.
        given = _mapping_model(name).model_validate(value).model_dump(exclude_unset=True)
        return {"name": name, "parameters": given[name]}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        with_parameters = [
            {
                "type": "object",
                "properties": {name: parameters_model(name).model_json_schema()},
                "required": [name],
                "additionalProperties": False,
            }
            for name in observables()
        ]
        return {"anyOf": [{"type": "string", "enum": list(observables())}, *with_parameters]}


def routine_requests(crystal: Crystal) -> tuple[ObservableRequest, ...]:
    """Return the routine observables that the dynamics of a crystal allow, with their defaults."""
    names = routine_observables(crystal.dynamics, sites_known=crystal.sites_known)
    return tuple(ObservableRequest.model_validate(name) for name in names)


def lacking_for(request: ObservableRequest, crystal: Crystal) -> str:
    """Return in words what an observable needs and the dynamics of a crystal do not have; nothing if they have it."""
    entry = observables()[request.name]
    if lacking := unmet(entry.needs, crystal.dynamics):
        return f"{needs_in_words(lacking)}, which the dynamics of {crystal.name} do not have; remove it"
    if not crystal.sites_known and len(crystal.dynamics.host) > 1:
        telling = {"sites", "neighbour"}
        if telling <= {parameter.name for parameter in entry.parameters} and not telling & set(request.parameters):
            return (
                f"the sites of {', '.join(crystal.mobile)}, which only the reference crystals tell; write"
                f" {request.name}: {{neighbour: {crystal.dynamics.host[-1]}}} for the interstices of that species"
            )
    return ""


@cache
def parameters_model(observable: str) -> type[BaseModel]:
    """Return the model of an observable's parameters, made from the registry."""
    fields: dict[str, Any] = {
        parameter.name: (
            Annotated[parameter.type, BeforeValidator(without_lists), AfterValidator(named_plainly)],
            Field(default=parameter.default, description=_in_words(parameter.type), examples=[parameter.default]),
        )
        for parameter in observables()[observable].parameters
    }
    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())
    return create_model(f"{observable} parameters", __config__=config, **fields)


@cache
def _mapping_model(observable: str) -> type[BaseModel]:
    """Return the model of the mapping from an observable's name to its parameters."""
    field: dict[str, Any] = {observable: (parameters_model(observable), ...)}
    return create_model(f"{observable} with parameters", **field)


def _in_words(kind: Any) -> str:
    words = {int: "a whole number", float: "a finite number", bool: "true or false", str: "a name", NoneType: "null"}
    elements = {int: "a list of whole numbers", float: "a list of finite numbers", str: "a list of names"}
    return " or ".join(
        elements[element_type(option)] if element_type(option) else words[option] for option in alternatives(kind)
    )
