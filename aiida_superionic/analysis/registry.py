"""The one list of observables.

An observable is a function of a trajectory, decorated with :func:`observable`. Its keyword arguments are its
parameters, their defaults the defaults, their annotations the types; a list of numbers is a ``tuple[float, ...]``. The
decorator is the only edit that a new observable needs to appear in ``superionic-analyse --list``, in the campaign
schema, in the report and in the reference.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import math
import pkgutil
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any

import numpy as np

from aiida_superionic.analysis.results import Result

Function = Callable[..., Result]


class ParameterError(ValueError):
    """An observable or a parameter that does not exist, or a value that it cannot take."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of an observable: its type, its default, and what it is."""

    name: str
    type: Any
    default: Any


@dataclass(frozen=True)
class Observable:
    """One entry of the registry.

    Parameters
    ----------
    name
        The word that campaigns and the command line use.
    needs
        What the trajectory must hold, in the words of :mod:`aiida_superionic.analysis.needs`; ``centres or tetrahedra``
        where one of the two is enough.
    equation
        What is computed, in one line of plain text.
    source
        Where the definition comes from.
    function
        The function itself: a trajectory and the parameters in, a :class:`Result` out.
    routine
        Whether it is computed where nothing is asked for by name and the trajectory holds what it needs. What costs
        much, or leaves a choice to a person, is not.
    lags
        The parameters, in ps, that have to fit into each of the blocks of the trajectory that give an error.
    """

    name: str
    needs: tuple[str, ...]
    equation: str
    source: str
    function: Function
    routine: bool
    lags: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The keyword parameters of the function."""
        types = typing.get_type_hints(self.function)
        return tuple(
            Parameter(name, types[name], parameter.default)
            for name, parameter in inspect.signature(self.function).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        )

    def with_defaults(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return all parameters with their values, the given ones checked.

        Raises
        ------
        ParameterError
            If a name is unknown, or a value not of its parameter's type or not finite.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                raise ParameterError(f"{self.name} has no parameter {name!r}{suggestion(name, known)}")
        return {
            name: _checked(f"{self.name}: {name}", given[name], parameter.type) if name in given else parameter.default
            for name, parameter in known.items()
        }

    def longest_lag(self, given: Mapping[str, object]) -> float:
        """Return the longest time in ps, by the parameters that are given, that has to fit into a block; 0 for none.

        Raises
        ------
        ParameterError
            As :meth:`with_defaults`.
        """
        values: dict[str, Any] = self.with_defaults(given)
        return max((float(np.max(values[name])) for name in self.lags), default=0.0)


def suggestion(word: str, words: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown word: the nearest one, or all that there are."""
    words = list(words)
    nearest = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else f"; there are: {', '.join(words) or 'none'}"


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return the types that a parameter's annotation allows."""
    return typing.get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)


def element_type(kind: Any) -> Any:
    """Return the type of the elements of a list - which is annotated as ``tuple[..., ...]`` - and None of another."""
    return typing.get_args(kind)[0] if typing.get_origin(kind) is tuple else None


def _in_words(kind: Any) -> str:
    if element_type(kind):
        return f"a list of {element_type(kind).__name__}"
    return "nothing" if kind is type(None) else str(kind.__name__)


def _checked(name: str, value: object, annotation: Any) -> object:
    types = alternatives(annotation)
    elements = next((element_type(kind) for kind in types if element_type(kind)), None)
    if elements and isinstance(value, list | tuple):
        return tuple(_checked(f"{name}[{i}]", element, elements) for i, element in enumerate(value))
    if float in types and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) not in types:
        wanted = " or ".join(_in_words(kind) for kind in types)
        raise ParameterError(f"{name} is {value!r} where {wanted} is expected")
    if isinstance(value, float) and not math.isfinite(value):
        raise ParameterError(f"{name} is {value} where a finite number is expected")
    return value


_REGISTRY: dict[str, Observable] = {}


def observable(
    *, needs: tuple[str, ...], equation: str, source: str, routine: bool = True, lags: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    """Register a function as the observable of its own name."""

    def register(function: Function) -> Function:
        name = function.__name__
        if name in _REGISTRY:
            raise ValueError(f"observable {name} is registered twice")
        _REGISTRY[name] = Observable(name, needs, equation, source, function, routine, lags)
        return function

    return register


@cache
def observables() -> dict[str, Observable]:
    """Return every observable by name, in alphabetical order."""
    package = importlib.import_module("aiida_superionic.analysis.observables")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_REGISTRY.items()))
