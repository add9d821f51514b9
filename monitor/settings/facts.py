"""Facts as a configuration states them: of a check, of alerts that a rule maps."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from monitor.domain.findings import FactValue

Impact = Literal["none", "limited", "restricted", "severe"]


class FactsIn(BaseModel):
    """Facts known beforehand; a policy may declare more than these four."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, FactValue]

    operator_caused: Annotated[bool | None, Field(description="The carrier is at fault.")] = None
    workaround: Annotated[bool | None, Field(description="Work can go on another way.")] = None
    planned: Annotated[bool | None, Field(description="It was announced.")] = None
    impact: Annotated[Impact | None, Field(description="How much of the business stands still.")] = None
