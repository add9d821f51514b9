"""What the registry refuses, as problems: forbidden with the clause, in conflict, or what is missing with its place."""

from collections.abc import Iterator
from contextlib import contextmanager

from monitor.domain.people import Because, RefusedError
from monitor.web.problems import FieldError, ProblemError

_STATUS = {
    Because.FORBIDDEN: (403, "You may not do that."),
    Because.CONFLICT: (409, "Its state does not allow that."),
    Because.MISSING: (422, "The request is not valid."),
}


@contextmanager
def refusals() -> Iterator[None]:
    """Say a refusal of the registry in HTTP."""
    try:
        yield
    except RefusedError as error:
        status, title = _STATUS[error.because]
        missing = [FieldError(pointer=f"/{name}", detail="It is needed here") for name in error.fields]
        raise ProblemError(status, title, detail=str(error), errors=missing) from None
