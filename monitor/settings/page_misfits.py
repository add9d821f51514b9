"""What does not go together within ``page``."""

from collections.abc import Iterator

from monitor.settings import models
from monitor.settings.nodes import Document, Problem


def misfits(root: models.Root, document: Document) -> Iterator[Problem]:
    """Yield webhooks without what they need: links to us, and a key under which their secrets are kept."""
    if not root.page.webhooks:
        return
    for key, there in (("service.public_url", root.service.public_url), ("secrets.key", root.secrets.key)):
        if there is None:
            yield document.problem(("page", "webhooks"), f"visitors' webhooks need {key}")
