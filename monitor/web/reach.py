"""Who takes to the record what people ask for: built anew each time, for the inventory and the policies are reloaded."""

from monitor.reaching import Reaching
from monitor.web.parts import Parts


def reaching(parts: Parts) -> Reaching:
    """Return who takes such words to the record."""
    return Reaching(
        store=parts.store,
        inventory=parts.inventory(),
        policies=parts.policies(),
        rules=parts.contact(),
        clock=parts.clock,
        new_id=parts.new_id,
        bell=parts.bell,
    )
