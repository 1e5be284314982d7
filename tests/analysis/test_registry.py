"""The registry describes every observable and checks parameters."""

import pytest

from aiida_superionic.analysis.needs import needs_in_words
from aiida_superionic.analysis.registry import ParameterError, observable, observables


def test_every_observable_says_what_it_is():
    entries = observables()
    assert {
        "cage_residence",
        "diffusion",
        "force_correlation",
        "friction",
        "radial_distribution",
        "temperature",
        "vibrations",
    } <= set(entries)
    for name, entry in entries.items():
        assert entry.name == name
        assert entry.summary.endswith(".")
        assert entry.equation
        assert entry.source
        assert needs_in_words(entry.needs)


def test_defaults_are_filled_in_and_whole_numbers_are_numbers():
    entry = observables()["diffusion"]
    assert entry.with_defaults({"fit_end": 20}) == {"fit_start": 2.0, "fit_end": 20.0, "least_displacement": 6.0}
    assert observables()["cage_residence"].with_defaults({"cutoff": None})["cutoff"] is None


def test_lists_are_lists_of_their_elements():
    entry = observables()["van_hove"]
    assert entry.with_defaults({"times": [1, 2.5]})["times"] == (1.0, 2.5)
    assert entry.with_defaults({"times": []})["times"] == ()


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("van_hove", {"times": 1.0}, "van_hove: times is 1.0 where a list of float is expected"),
        ("van_hove", {"times": [1.0, "2"]}, r"van_hove: times\[1\] is '2' where float is expected"),
        ("van_hove", {"times": [float("inf")]}, r"van_hove: times\[0\] is inf where a finite number is expected"),
        ("diffusion", {"fit_stat": 1.0}, "diffusion has no parameter 'fit_stat'; did you mean 'fit_start'"),
        ("temperature", {"fit": 1.0}, "temperature has no parameter 'fit'; there are: held, conserves_momentum"),
        ("diffusion", {"fit_start": "2"}, "diffusion: fit_start is '2' where float is expected"),
        ("diffusion", {"fit_start": True}, "fit_start is True where float is expected"),
        ("diffusion", {"fit_start": float("nan")}, "fit_start is nan where a finite number is expected"),
        ("radial_distribution", {"max_frames": 10.5}, "max_frames is 10.5 where int is expected"),
        ("cage_residence", {"cutoff": "short"}, "cutoff is 'short' where float or nothing is expected"),
    ],
)
def test_parameters_that_cannot_be_are_refused(name, given, message):
    with pytest.raises(ParameterError, match=message):
        observables()[name].with_defaults(given)


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="diffusion is registered twice"):

        @observable(needs=(), equation="", source="")
        def diffusion(trajectory):
            """Clash."""
