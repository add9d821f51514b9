"""What the REST API takes of licences, contacts and production systems: each fault with its place.

A change names only what it changes; ``null`` takes a value away where there may be none.
"""

from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from monitor.domain.inventory import Contact, Licence, Period
from monitor.domain.registered import RegisteredSystem
from monitor.settings.values import Country, Email, Ident, Language, Line, Phone, Serial
from monitor.web.api_inputs import In, Inventory, Word

Answer = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Technical = Annotated[dict[Ident, Answer], Field(max_length=100)]
Languages = Annotated[list[Language], Field(max_length=20)]
Seats = Annotated[int, Field(ge=1, le=1_000_000)]


def _not_null(value: object) -> object:
    if value is None:
        raise ValueError("there must be one: leave it out to keep it")
    return value


class _Change(In):
    """Something of a thing is changed: what is not named stays."""

    def given(self) -> dict[str, object]:
        """Return what is named."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name what is to be changed")
        return self


class NewContact(In):
    """A person to be registered; ``partner`` and ``licence`` are by default those of who asks."""

    id: Ident | None = None
    partner: Ident | None = None
    licence: Ident | None = None
    name: Line
    phone: Phone | None = None
    email: Email | None = None
    languages: Languages = Field(default=[])
    role: Annotated[str, StringConstraints(max_length=100)] = ""
    hours: Line = "always"
    always_reachable: bool = False
    english_ok: bool | None = None
    account_id: Line | None = None

    def contact(self, id_: str) -> Contact:
        """Return the person."""
        return Contact(
            id=id_,
            name=self.name,
            phone=self.phone,
            email=self.email,
            languages=tuple(self.languages),
            role=self.role,
            hours=self.hours,
            always_reachable=self.always_reachable,
            english_ok=self.english_ok,
            account_id=self.account_id,
        )


class ContactChange(_Change):
    """What is said otherwise of a person; roles are handed over, licences stay."""

    name: Annotated[Line | None, AfterValidator(_not_null)] = None
    phone: Phone | None = None
    email: Email | None = None
    languages: Annotated[Languages | None, AfterValidator(_not_null)] = None
    hours: Annotated[Line | None, AfterValidator(_not_null)] = None
    always_reachable: Annotated[bool | None, AfterValidator(_not_null)] = None
    english_ok: bool | None = None
    account_id: Line | None = None

    def given(self) -> dict[str, object]:
        """Return what is named, as a contact has it."""
        named = _Change.given(self)
        return named | ({"languages": tuple(self.languages)} if self.languages is not None else {})


class Days(BaseModel):
    """Days from one to another, both included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: date | None = Field(default=None, alias="from")
    end: date | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start and self.end and self.end < self.start:
            raise ValueError("it ends before it begins")
        return self


class _Standing(In):
    subscription: Days | None = None
    nda: bool | None = None
    standing: dict[Ident, bool] = Field(default={}, max_length=50)

    def standings(self) -> dict[str, bool | Period]:
        """Return what the contract stands for, by name."""
        said: dict[str, bool | Period] = dict(self.standing)
        if self.subscription is not None:
            said["subscription"] = Period(start=self.subscription.start, end=self.subscription.end)
        if self.nda is not None:
            said["nda"] = self.nda
        return said


class NewLicence(_Standing):
    """A contract to be put on record."""

    id: Ident
    partner: Ident
    product: Annotated[str, StringConstraints(max_length=200)] = ""
    seats: Seats = 1
    account_id: Line | None = None
    plan: Line | None = None

    def licence(self) -> Licence:
        """Return the licence."""
        return Licence(
            id=self.id,
            partner=self.partner,
            product=self.product,
            seats=self.seats,
            account_id=self.account_id,
            plan=self.plan,
            standing=self.standings(),
        )


class LicenceChange(_Standing, _Change):
    """What is otherwise of a contract; of its standings, those named are changed and the others stay."""

    product: Annotated[str | None, StringConstraints(max_length=200), AfterValidator(_not_null)] = None
    seats: Annotated[Seats | None, AfterValidator(_not_null)] = None
    account_id: Line | None = None
    plan: Line | None = None

    def changes(self, before: Licence) -> dict[str, object]:
        """Return the changes to a licence."""
        plain = {name: value for name, value in self.given().items() if name not in _Standing.model_fields}
        gone = {name for name in ("subscription", "nda") if name in self.model_fields_set}
        kept = {name: value for name, value in before.standing.items() if name not in gone}
        return {**plain, "standing": {**kept, **self.standings()}}


class HandOver(In):
    """Who is in charge from now on."""

    to: Ident


class _System(In):
    name: Line | None = None
    host: Line | None = None
    country: Country | None = None
    carrier: Line | None = None
    cloud: Line | None = None
    region: Line | None = None
    version: Line | None = None
    component: Ident | None = None
    technical: Technical = Field(default={})

    def about(self) -> dict[str, str | None]:
        """Return what is named besides the technical information."""
        but = ("technical", "serial", "partner")
        return {name: getattr(self, name) for name in self.model_fields_set if name not in but}


class NewSystem(_System):
    """A production system to be registered; ``partner`` and ``licence`` are by default those of who asks."""

    serial: Serial
    partner: Ident | None = None
    licence: Ident | None = None

    def row(self, partner: str, licence: str | None) -> RegisteredSystem:
        """Return what is registered."""
        about = {**self.about(), "licence": licence}
        return RegisteredSystem(
            serial=self.serial, partner=partner, about=about, technical=dict(self.technical)
        )


class SystemChange(_System, _Change):
    """What is said otherwise of a system; of its technical information, what is named."""


class LicenceQuery(Inventory):
    """Filters of licences."""

    id: Word | None = None
    partner: Word | None = None
    product: Word | None = None
    plan: Word | None = None
