"""A text that is never shown: logs, errors, ``repr`` and JSON all get ``***``."""

from hmac import compare_digest
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_SHOWN: Final = "***"


class Secret:
    """Holds a secret; only :meth:`reveal` gives it away."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        """Keep the text; an empty secret would open every door, so it is refused."""
        if not text:
            raise ValueError("the secret is empty")
        self.__text = text

    def reveal(self) -> str:
        """Return the text itself, to be used and not kept."""
        return self.__text

    def matches(self, offered: str) -> bool:
        """Compare in constant time."""
        return compare_digest(self.__text.encode(), offered.encode(errors="surrogatepass"))

    def __repr__(self) -> str:
        return _SHOWN

    def __str__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return format(_SHOWN, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other.reveal())

    def __hash__(self) -> int:
        return hash(self.__text)

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a secret is not pickled")

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Be read from text, and written to JSON as stars."""
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def _read(cls, value: Any) -> "Secret":
        if isinstance(value, Secret):
            return value
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError("must be text")  # noqa: TRY004 - pydantic wants ValueError
        return cls(str(getattr(value, "written", value)))

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Be text in the published schema."""
        return {"type": "string", "minLength": 1, "writeOnly": True}
