"""What a caller would rather have: headers of weighted choices (RFC 9110 § 12.4.2)."""

from collections.abc import Iterator

from services.chassis.errors import NotAcceptable, Text


def weighted(header: str) -> Iterator[tuple[str, float]]:
    """Each choice, in lower case, with its weight; one whose weight cannot be read has none."""
    for part in header.lower().replace(" ", "").split(","):
        name, _, quality = part.partition(";q=")
        try:
            yield name, float(quality or 1)
        except ValueError:
            yield name, 0.0


def media_type_of(accept: str, *offered: str) -> str:
    """Which of the types offered `accept` prefers, the first where it does not care (RFC 9110 § 12.5.1); or 406."""
    weights = {name.partition(";")[0]: weight for name, weight in weighted(accept or "*/*")}

    def weight(kind: str) -> float:
        ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
        return next((weights[each] for each in ranges if each in weights), 0.0)

    best = max(offered, key=weight)
    if weight(best) <= 0:
        known = ", ".join(offered)
        raise NotAcceptable(Text(f"Chỉ có: {known}", f"There is only: {known}"))
    return best
