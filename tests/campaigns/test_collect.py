"""The results of points, read from the graph."""

import numpy as np
from aiida import orm
from aiida.common.links import LinkType

from aiida_superionic.campaigns.attempts import point_statuses
from aiida_superionic.campaigns.collect import collect_results
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.potentials import potentials

D = {"value": 2.5e-5, "error": 1e-6, "unit": "cm^2/s", "upper_bound": None}


def collected(*specifications):
    return collect_results(point_statuses(specifications), with_curves=False)


def test_result_is_that_of_the_attempt_that_counts(specification, store_point, store_attempt):
    point = store_point(specification())
    store_attempt(point, observables={"diffusion_coefficient_Ag": {**D, "value": 1.0}})
    counts = store_attempt(point, observables={"diffusion_coefficient_Ag": D})
    [result] = collected(specification())
    assert result.observables == {"diffusion_coefficient_Ag": D}
    assert (result.pk, result.uuid, result.state, result.message) == (counts.pk, counts.uuid, "finished", "")
    assert result.label == specification().label
    assert result.specification == specification().model_dump(mode="json")


def test_points_without_results_are_there_with_their_reason(specification, store_point, store_attempt):
    store_attempt(store_point(specification(2)), exit_status=401, exit_message="molten")
    store_attempt(store_point(specification(3)), "waiting")
    results = collected(specification(1), specification(2), specification(3))
    assert [(result.state, result.message) for result in results] == [
        ("missing", ""),
        ("failed", "molten"),
        ("running", ""),
    ]
    assert all(result.observables == {} and result.curves == {} for result in results)


def test_observables_of_a_point_that_did_not_all_converge_are_kept(specification, store_point, store_attempt):
    store_attempt(
        store_point(specification()), exit_status=410, exit_message="friction", observables={"temperature": D}
    )
    [result] = collected(specification())
    assert (result.state, result.message, result.observables) == ("finished", "friction", {"temperature": D})


def test_number_of_queries_does_not_grow_with_the_points(specification, store_finished_points, queries):
    many = [specification(seed) for seed in range(1, 1001)]
    store_finished_points(many, {"diffusion_coefficient_Ag": D}, {})
    statuses = point_statuses(many)
    with queries() as for_few:
        collect_results(statuses[:5], with_curves=False)
    with queries() as for_many:
        results = collect_results(statuses, with_curves=False)
    assert [result.scalar("diffusion_coefficient_Ag").value for result in results] == [D["value"]] * len(many)
    assert 0 < len(for_many) == len(for_few)


def test_curves_and_surfaces_come_back_as_they_were_stored(specification, store_point, store_attempt, agi):
    inputs = {
        "md__structure": orm.StructureData(ase=agi()),
        "md__potential": PotentialData(potentials()["vashishta-rahman"]),
    }
    attempt = store_attempt(store_point(specification()), observables={"temperature": D}, inputs=inputs)
    x, y, error = np.linspace(0.0, 1.0, 5), np.arange(5.0), np.full(5, 0.1)
    z = np.arange(15.0).reshape(5, 3)
    surface = {"map__x": x, "map__y": y[:3], "map__z": z, "map__error": 2.0 * z}
    curves = orm.ArrayData(
        {"msd_Ag__x": x, "msd_Ag__y": y, "msd_Ag__error": error, "bare__x": x, "bare__y": y} | surface
    )
    axes = {"x_label": "t", "x_unit": "ps", "y_label": "MSD", "y_unit": "Å^2"}
    curves.base.attributes.set("axes", {"msd_Ag": axes, "bare": axes, "map": {**axes, "z_label": "G", "z_unit": "1/Å"}})
    curves.base.links.add_incoming(attempt.called[0], LinkType.CREATE, "curves")
    curves.store()
    curves.base.links.add_incoming(attempt, LinkType.RETURN, "curves")
    [result] = collect_results(point_statuses([specification()]))
    assert list(result.curves) == ["bare", "msd_Ag"]
    curve = result.curves["msd_Ag"]
    assert (curve.x_label, curve.x_unit, curve.y_label, curve.y_unit) == ("t", "ps", "MSD", "Å^2")
    np.testing.assert_array_equal([curve.x, curve.y, curve.error], [x, y, error])
    assert result.curves["bare"].error is None
    assert list(result.surfaces) == ["map"]
    found = result.surfaces["map"]
    assert (found.x_unit, found.y_unit, found.z_label, found.z_unit) == ("ps", "Å^2", "G", "1/Å")
    for stored, expected in ((found.x, x), (found.y, y[:3]), (found.z, z), (found.error, 2.0 * z)):
        np.testing.assert_array_equal(stored, expected)
    assert result.provenance["curves"] == curves.uuid
    assert result.provenance["structure"] == inputs["md__structure"].uuid
    assert result.provenance["potential"] == inputs["md__potential"].uuid
