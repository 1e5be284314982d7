"""What a campaign file may say of what gives the forces."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from aiida_superionic.campaigns.sections import Section, one_of
from aiida_superionic.campaigns.values import (
    LARGEST_SEED,
    NodeName,
    OneOf,
    ParameterValue,
    Temperature,
    Time,
    fault,
    without_lists,
)
from aiida_superionic.campaigns.wording import quote, unknown
from aiida_superionic.learning.deepmd import DeepmdSettings
from aiida_superionic.learning.fit import FitSettings
from aiida_superionic.learning.nequip import NequipSettings
from aiida_superionic.learning.settings import CommitteeLearning, LearnSettings
from aiida_superionic.potentials import potentials
from aiida_superionic.workchains.protocol import first_fault, protocol_settings, protocols

LINEAR = "pod"
FAMILIES: dict[str, type[BaseModel]] = {LINEAR: FitSettings, "deepmd": DeepmdSettings, "nequip": NequipSettings}
"""Those that are trained, and the settings of each."""

PotentialName = Annotated[StrictStr, OneOf("potential", potentials)]
ProtocolName = Annotated[StrictStr, OneOf("protocol", lambda: protocols(LINEAR))]
FamilyName = Annotated[StrictStr, OneOf("family", lambda: FAMILIES)]
LevelName = Annotated[StrictStr, OneOf("level of theory", lambda: protocols("dft"))]
_Setting = Annotated[ParameterValue, BeforeValidator(without_lists)]


class NamedPotential(Section):
    """A potential that ships with the package; in the file it is its name."""

    name: PotentialName

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": sorted(potentials())}


class NodePotential(Section):
    """A potential of the graph."""

    node: NodeName = Field(description="the UUID, PK or label of a potential of the graph", examples=["my-potential"])

    @property
    def name(self) -> str:
        """What is said, as text that another potential does not have."""
        return f"node {self.node}"


class _Trained(Section):
    """What is trained, and with what."""

    dataset: NodeName = Field(
        description="the UUID, PK or label of a dataset with subsets", examples=["labelled-frames"]
    )
    family: FamilyName = Field(default=LINEAR, description="the family of the potential", examples=[LINEAR])
    settings: dict[StrictStr, _Setting] = Field(
        default={}, description="settings of the family in place of the protocol's", examples=[{"cutoff": 5.5}]
    )
    seed: Annotated[StrictInt, Field(ge=1, le=LARGEST_SEED)] = Field(
        default=1, description=f"a whole number from 1 to {LARGEST_SEED}", examples=[1]
    )

    @property
    def training_protocol(self) -> str:
        """The protocol of the training."""
        raise NotImplementedError

    @property
    def training_settings(self) -> dict[str, Any]:
        """The settings of the training's protocol, with the given ones in their place."""
        given = {key: list(value) if isinstance(value, tuple) else value for key, value in self.settings.items()}
        return protocol_settings(self.family, self.training_protocol, given)

    @model_validator(mode="after")
    def _can_be_trained(self) -> _Trained:
        known = protocols(self.family)[self.training_protocol]
        for key in self.settings:
            if key not in known:
                raise fault(unknown("setting", key, known), "settings", key)
        species = {"species": ("H",)} if self.family == LINEAR else {}
        try:
            FAMILIES[self.family].model_validate({**self.training_settings, **species})
        except ValidationError as error:
            raise fault(f"the settings do not fit together: {first_fault(self.family, error)}", "settings") from None
        return self


class Training(_Trained):
    """A potential that is trained from a dataset."""

    protocol: ProtocolName = Field(
        default="balanced", description="the name of a protocol of training", examples=["balanced"]
    )
    committee: Annotated[StrictInt, Field(ge=0, le=100)] = Field(
        default=4, description="a whole number from 0 to 100, the potentials that judge it", examples=[4]
    )

    @property
    def training_protocol(self) -> str:
        """The protocol of the training."""
        return self.protocol

    @model_validator(mode="after")
    def _has_members(self) -> Training:
        if self.family != LINEAR and self.committee == 0:
            raise fault("a network is a member of its committee; write committee: 1 or more", "committee")
        return self


class Learning(_Trained):
    """A potential that is trained, taken through the structures of the campaign, and trained again."""

    temperatures: Annotated[tuple[Temperature, ...], Field(min_length=1)] = Field(
        description="a list of temperatures of the explorations in K", examples=[[600, 900]]
    )
    teacher: PotentialName | None = Field(
        default=None, description="the name of a potential that gives the labels", examples=["vashishta-rahman"]
    )
    level: LevelName | None = Field(
        default=None, description="how CP2K computes the labels, the name of a level of theory", examples=["xtb"]
    )
    protocol: Annotated[StrictStr, OneOf("protocol", lambda: protocols("learn"))] = Field(
        default="balanced", description="the name of a protocol of learning", examples=["fast"]
    )
    training: ProtocolName = Field(
        default="balanced", description="the name of a protocol of training", examples=["balanced"]
    )
    steps: Annotated[tuple[StrictInt, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="a list of whole numbers, the timesteps of explorations, each more than the one before",
        examples=[[1500, 10000]],
    )
    timestep: Time = Field(default=None, description="the time of one step of the explorations", examples=["0.5 fs"])

    @property
    def training_protocol(self) -> str:
        """The protocol of the training."""
        return self.training

    @property
    def exploration(self) -> dict[str, Any]:
        """The settings of the learning's protocol, with the given ones in their place."""
        given = {
            **({"steps": list(self.steps)} if self.steps else {}),
            **({"timestep": self.timestep} if self.timestep else {}),
        }
        return protocol_settings("learn", self.protocol, given)

    @model_validator(mode="after")
    def _has_labels(self) -> Learning:
        if (self.teacher is None) == (self.level is None):
            raise fault("labels come from a potential or from CP2K; write one of teacher and level")
        return self

    @model_validator(mode="after")
    def _can_explore(self) -> Learning:
        given = self.exploration
        learning = given.pop("learning")
        del given["max_iterations"]
        told = {"structures": ["one"], "temperatures": self.temperatures, "mobile": ["H"]}
        try:
            settings = LearnSettings.model_validate({"exploration": {**given, **told}, "learning": learning})
        except ValidationError as error:
            raise fault(f"the explorations do not fit together: {first_fault('learn', error)}") from None
        if self.family != LINEAR and not isinstance(settings.learning, CommitteeLearning):
            raise fault(
                f"only the family {LINEAR} learns on the fly; write protocol: balanced, or that family", "protocol"
            )
        return self


class TrainedPotential(Section):
    """A potential that is trained before the points that need it run."""

    train: Training = Field(
        description="a dataset, and how a potential is trained with it",
        examples=[{"dataset": "labelled-frames", "family": LINEAR}],
    )

    @property
    def name(self) -> str:
        """What is said, as text that another potential does not have."""
        return f"train {self.train}"


class LearnedPotential(Section):
    """A potential that learns before the points that need it run."""

    learn: Learning = Field(
        description="a dataset to begin with, and how a potential learns from there",
        examples=[{"dataset": "labelled-frames", "temperatures": [600, 900], "level": "xtb"}],
    )

    @property
    def name(self) -> str:
        """What is said, as text that another potential does not have."""
        return f"learn {self.learn}"


_FORMS: dict[str, type[Section]] = {"node": NodePotential, "train": TrainedPotential, "learn": LearnedPotential}


def _entry(value: Any) -> Any:
    """Return the form whose key is written, so that a fault is told of that form alone."""
    if isinstance(value, str):
        if value not in potentials():
            raise fault(unknown("potential", value, potentials()))
        return NamedPotential(name=value)
    if isinstance(value, dict):
        source = one_of(value, tuple(_FORMS))
        if source is None:
            raise fault(f"{quote(value)} is no potential; write its name, or one of {', '.join(_FORMS)}")
        return _FORMS[source].model_validate(value)
    return value


PotentialEntry = Annotated[
    NamedPotential | NodePotential | TrainedPotential | LearnedPotential, BeforeValidator(_entry)
]
