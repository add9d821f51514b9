"""How long a look may take: the option that several types share, and its judgement."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from checks.durations import Duration, spell
from checks.verdicts import Fault, slow, wrong


class Latency(BaseModel):
    """How long a whole look may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    warn: Annotated[Duration | None, Field(description="A slower look is degraded.")] = None
    fail: Annotated[Duration | None, Field(description="A slower look is down.")] = None

    def faults(self, seconds: float) -> list[Fault]:
        """Return what is wrong with the time a look took: nothing, or one fault."""
        if self.fail is not None and seconds > self.fail:
            return [wrong(f"took {spell(seconds)}, the limit is {spell(self.fail)}")]
        if self.warn is not None and seconds > self.warn:
            return [slow(f"took {spell(seconds)}, expected within {spell(self.warn)}")]
        return []
