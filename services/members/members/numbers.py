"""Citizen numbers and phones: their forms, and what a citizen number says of its holder.

Source: Law 26/2023/QH15 on identity cards; Decree 70/2024/NĐ-CP: 12 digits, 3 of the province or country where the
birth was registered, 1 of century and sex (odd is female), 2 of the birth year, 6 at random. There is no check digit.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from services.chassis.db import Row
from services.chassis.errors import Fault, Text
from services.chassis.vault import Vault

CitizenNumber = Annotated[str, Field(pattern=r"^\d{12}$", description="12 digits; shown for a purpose only")]
FIELDS = {"citizen_number": "citizen", "phone": "phone"}
"""Fields that are kept sealed, and how their columns begin."""
FIRST_CENTURY = 1900
PHONE = re.compile(r"^0\d{9,10}$")


def _phone(text: str) -> str:
    """As dialled in the country: +84 912 345 678 and 0912.345.678 are 0912345678."""
    digits = re.sub(r"[\s.()-]", "", text)
    digits = re.sub(r"^(\+|00)84", "0", digits)
    if not PHONE.match(digits):
        raise PydanticCustomError("phone", "not a phone number of Việt Nam", {"vi": "Không phải số điện thoại"})
    return digits


Phone = Annotated[
    str, Field(max_length=30, description="Of Việt Nam; shown for a purpose only"), AfterValidator(_phone)
]


def unkept(body: BaseModel, vault: Vault | None) -> list[Fault]:
    """Why numbers cannot be kept: there is no key."""
    text = Text("Hệ thống chưa có khóa để giữ số này", "No key is set to keep this number under")
    given = () if vault else FIELDS
    return [Fault(f"/{name}", "not_kept", text) for name in given if getattr(body, name) is not None]


def sealed(member: UUID, given: Mapping[str, Any], vault: Vault | None) -> dict[str, bytes | None]:
    """The columns of the numbers given."""
    found: dict[str, bytes | None] = {}
    for name, column in FIELDS.items():
        if name in given:
            value = given[name] if vault else None
            found[f"{column}_sealed"] = vault.seal(value, f"{member}:{name}") if vault and value else None
            found[f"{column}_index"] = vault.index(value, name) if vault and value else None
    return found


def resealed(row: Row, name: str, vault: Vault) -> bytes | None:
    """One number of a row, under the newest data key."""
    value, about = row[f"{FIELDS[name]}_sealed"], f"{row['id']}:{name}"
    return value and vault.seal(vault.open(value, about), about)


def indexes(bodies: Sequence[Any], vault: Vault | None) -> list[bytes]:
    """What finds the citizen numbers given."""
    given = [body.citizen_number for body in bodies if body.citizen_number]
    return [vault.index(number, "citizen_number") for number in given] if vault else []


def warnings(number: str | None, birth_year: int | None, *, ordinary: bool) -> list[Fault]:
    """What a citizen number says otherwise than the record. Nobody is refused for it: registers hold mistakes."""
    if number is None:
        return []
    digit, found = int(number[3]), []
    year = FIRST_CENTURY + digit // 2 * 100 + int(number[4:6])
    if birth_year is not None and year != birth_year:
        text = Text(f"Số định danh cho năm sinh {year}", f"The number says born in {year}")
        found.append(Fault("/citizen_number", "birth_year", text))
    if ordinary and digit % 2 == 0:
        text = Text("Số định danh cho giới tính nam", "The number says male")
        found.append(Fault("/citizen_number", "sex", text))
    return found
