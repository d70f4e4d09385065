"""Age bands, made from birth years when read."""

from datetime import date

AGE = "age_band"


def age_band(birth_year: str, on: date) -> str:
    """`under_30`, `30_39` … `60_plus` by the age reached in the year of `on`; `unknown` without a birth year."""
    if not birth_year:
        return "unknown"
    age = on.year - int(birth_year)
    if age < 30:
        return "under_30"
    if age >= 60:
        return "60_plus"
    return f"{age // 10 * 10}_{age // 10 * 10 + 9}"
