"""Queries: what they find on the graph, and what they refuse."""

import sys

import pytest
from aiida import orm

from aiida_superionic.campaigns.point_table import MissingPackageError, csv_text, json_text
from aiida_superionic.campaigns.query import compile_query, query
from aiida_superionic.campaigns.query_grammar import QueryError
from aiida_superionic.data.campaign import CampaignGroup

D = {"value": 2.5e-5, "error": 1e-6, "unit": "cm^2/s", "upper_bound": None}
SUCH = "write a number such as 1 cm^2/s"
HOT, COLD, HELD, BOUND, FAILED, RUNS = range(1, 7)


@pytest.fixture
def graph(specification, store_point, store_attempt):
    """Return nodes of points by their seed: a hot, a cold and a held one, a bound, and two without a result."""
    nodes = {}

    def point(seed, **changes):
        nodes[seed] = store_point(specification(seed, **changes))
        return nodes[seed]

    def measured(value, temperature, **more):
        return {
            "diffusion_coefficient_Ag": {**D, "value": value, **more},
            "temperature": {"value": temperature, "error": 1.0, "unit": "K", "upper_bound": None},
            "haven_ratio": {"value": 0.5, "error": 0.1, "unit": "1", "upper_bound": None},
        }

    store_attempt(point(HOT, temperature=900.0), observables=measured(4e-5, 901.5))
    store_attempt(point(COLD, temperature=500.0, engine="cp2k"), observables=measured(1e-5, 499.0))
    store_attempt(point(HELD, constraint="RC"), observables=measured(2e-5, 700.0))
    store_attempt(point(BOUND), exit_status=410, observables=measured(None, 700.0, upper_bound=1e-7))
    store_attempt(point(FAILED), exit_status=401, exit_message="Lost atoms")
    store_attempt(point(RUNS), "waiting")
    return nodes


def seeds(text):
    return [point.specification["seed"] for point in compile_query(text).run()]


QUERIES = {
    "D > 3e-5 cm^2/s": [HOT],
    "D_Ag > 0.3 Å^2/ps": [HOT],
    "diffusion_coefficient_Ag > 0.3 Å^2/ps": [HOT],
    "D > 1.5e-5 cm^2/s and temperature < 800 K and constraint = RC": [HELD],
    "temperature < 600 K": [COLD],
    "temperature < 300 degC": [COLD],
    "450 K < temperature <= 500 K": [COLD],
    "600 K > temperature": [COLD],
    "measured_temperature > 901 K": [HOT],
    "temperature = 900 K or D < 1.5e-5 cm^2/s": [HOT, COLD, BOUND],
    "not (temperature = 900 K or D < 1.5e-5 cm^2/s)": [HELD],
    "not D > 1.5e-5 cm^2/s": [COLD, BOUND],
    "D.error < 2e-6 cm^2/s and not constraint = RC": [HOT, COLD, BOUND],
    "constraint in (RC, RTC)": [HELD],
    "constraint not in (RC, RTC) and seed < 3": [HOT, COLD],
    "seed in [1, 3]": [HOT, HELD],
    "engine = lammps": [HOT, HELD, BOUND],
    "engine != lammps": [COLD],
    "not engine = lammps or temperature = 900 K": [HOT, COLD],
    "material = 'alpha-AgI' and haven_ratio = 0.5": [HOT, COLD, HELD, BOUND],
    "material != alpha-AgI": [],
    "production = 1 ps and production < 0.002 ns": [HOT, COLD, HELD, BOUND],
    "ions > 0": [],
    "state = failed": [FAILED],
    "state != finished": [FAILED, RUNS],
    "state in (running, failed) and seed = 6": [RUNS],
    "state = running or D > 3e-5 cm^2/s and state = finished": [HOT, RUNS],
}


@pytest.mark.parametrize(("text", "expected"), QUERIES.items())
def test_query_finds(graph, text, expected):
    assert seeds(text) == expected


@pytest.mark.parametrize(("text", "expected"), [*QUERIES.items(), ("campaign = one and seed < 3", [HOT])])
def test_explained_python_finds_the_same(graph, text, expected):
    CampaignGroup("one").store().add_nodes([graph[HOT], graph[HELD]])
    there = {}
    exec(compile_query(text).explain(), there)  # noqa: S102
    assert sorted(there["found"]) == sorted(graph[seed].pk for seed in expected)
    assert all(orm.load_node(pk).inputs.point.pk == point for point, pk in there["found"].items())


def test_campaigns_are_found_by_name(graph):
    for name, members in {"one": [HOT, HELD], "two": [HELD, COLD]}.items():
        CampaignGroup(name).store().add_nodes([graph[seed] for seed in members])
    assert seeds("campaign = one") == [HOT, HELD]
    assert seeds("campaign in (one, two)") == [HOT, COLD, HELD]
    assert seeds("campaign = one and campaign = two") == [HELD]
    assert seeds("campaign = two and D > 1.5e-5 cm^2/s or campaign = one and constraint = UC") == [HOT, HELD]


def test_attempt_that_no_longer_counts_is_not_found(graph, store_attempt):
    store_attempt(graph[HOT], observables={"diffusion_coefficient_Ag": {**D, "value": 1e-6}})
    assert seeds("D > 3e-5 cm^2/s") == []
    store_attempt(graph[FAILED], observables={"diffusion_coefficient_Ag": D})
    assert seeds("state = failed") == []


def test_quantity_of_several_species(specification, store_point, store_attempt):
    for seed, numbers in enumerate([(1.0, 3.0), (1.0, 1.0), (None, 1.0), (3.0, 3.0)], 1):
        scalars = {
            f"band_centre_{kind}": {"value": value, "error": None, "unit": "THz", "upper_bound": None}
            for kind, value in zip(("Ag", "I"), numbers, strict=True)
        }
        store_attempt(store_point(specification(seed)), observables=scalars)
    assert seeds("band_centre > 2 THz") == [1, 4]
    assert seeds("not band_centre > 2 THz") == [2, 3]
    assert seeds("band_centre_Ag > 2000 1/ns") == [4]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("D > 1 K", f"D is compared with 1 K, whose unit K cannot be converted to cm^2/s; {SUCH}"),
        ("D > 1", "D is compared with 1, which has no unit; write one such as 1 cm^2/s"),
        ("D > 1 parrots", f"D is compared with 1 parrots, whose unit parrots is not known; {SUCH}"),
        ("D > RC", f"D is compared with 'RC'; {SUCH}"),
        ("haven_ratio > RC", "haven_ratio is compared with 'RC'; write a number"),
        ("temperature < 600", "temperature is compared with 600, which has no unit; write one such as 1 K"),
        ("constraint = RTCC", "unknown constraint 'RTCC'; did you mean RTC?"),
        ("constraint < RC", "constraint is a name; compare it with =, != or in"),
        ("material = 3", "material is compared with 3; write a name"),
        ("state = missing", "unknown state 'missing'; write failed or finished or running"),
        ("campaign != one", "a point may be in several campaigns; compare campaign with = or in"),
        ("not campaign = one", "a point may be in several campaigns; compare campaign with = or in"),
        ("temprature < 600 K", "the graph has no quantity 'temprature'; did you mean temperature?"),
        ("xyzzy < 600 K", "the graph has no quantity 'xyzzy'; aiida-superionic query --list shows what there is"),
        ("D.value > 1", "'D.value' is not known; a quantity has a value and an error: write D.error"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(graph, text, said):
    with pytest.raises(QueryError) as error:
        compile_query(text)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("D >", "at its end"),
        ("D > 1 K and", "at its end"),
        ("(D > 1 K", "at its end"),
        ("D > 1 K)", "from ')' on"),
        ("D", "at its end"),
        ("", "at its end"),
        ("1 K < 2 K", "from '1 K < 2 K' on"),
        ("__import__('os')", """from "('os')" on"""),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(aiida_profile, text, where):
    with pytest.raises(QueryError, match="write comparisons joined by and, or and not") as error:
        compile_query(text)
    assert where in str(error.value)


@pytest.mark.parametrize("text", ["(" * 5000 + "D > 1 K" + ")" * 5000, "not " * 5000 + "D > 1 K"])
def test_too_deep_a_query_is_refused(aiida_profile, text):
    with pytest.raises(QueryError, match="too long"):
        compile_query(text)


def test_too_many_alternatives_are_refused(graph):
    choices = " and ".join(f"(temperature = {n} K or D > 1 cm^2/s or state = failed)" for n in range(1, 9))
    with pytest.raises(QueryError, match="too many alternatives"):
        compile_query(choices)


def test_tables_have_units_and_tell_the_two_temperatures_apart(graph):
    compiled = compile_query("D > 3e-5 cm^2/s", ["measured_temperature"])
    points = compiled.run()
    header, row = (line.split(",") for line in csv_text(points, compiled.quantities).splitlines())
    found = dict(zip(header, row, strict=True))
    assert (found["temperature [K]"], found["measured_temperature [K]"]) == ("900.0", "901.5")
    assert (found["diffusion_coefficient_Ag [cm^2/s]"], found["diffusion_coefficient_Ag error"]) == ("4e-05", "1e-06")
    assert '"haven_ratio"' not in json_text(points, compiled.quantities)


def test_data_frame_needs_pandas(graph, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        MissingPackageError, match=r"^pandas is not installed; run: pip install 'aiida-superionic\[tables\]'$"
    ):
        query("D > 3e-5 cm^2/s")


def test_data_frame_has_a_row_for_each_point(graph):
    pytest.importorskip("pandas")
    frame = query("D > 1.5e-5 cm^2/s", ["measured_temperature"])
    assert list(frame["seed"]) == [HOT, HELD]
    assert list(frame["diffusion_coefficient_Ag"]) == [4e-5, 2e-5]
    assert frame.attrs["units"]["diffusion_coefficient_Ag"] == "cm^2/s"
