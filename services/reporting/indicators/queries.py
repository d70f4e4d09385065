"""Reads of the catalogue."""

from services.reporting.indicators.catalogue import Indicator, catalogue
from services.reporting.indicators.schemas import IndicatorOut, IndicatorsOut


def everything(language: str) -> IndicatorsOut:
    """All indicators, labelled in `language`."""
    return IndicatorsOut(items=[out(indicator, language) for indicator in catalogue().values()])


def out(indicator: Indicator, language: str) -> IndicatorOut:
    """One indicator, labelled in `language`."""
    fields = indicator._asdict() | {
        "name": indicator.name(language),
        "numerator": indicator.numerator or None,
        "denominator": indicator.denominator or None,
    }
    return IndicatorOut.model_validate(fields)
