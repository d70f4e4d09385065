"""Reads of possible duplicates."""

from collections.abc import Set
from uuid import UUID

from services.chassis.db import Connection
from services.chassis.errors import NotFound
from services.chassis.paging import Page, after, page_of
from services.chassis.reach import Reach
from services.members.duplicates.schemas import DuplicateOut
from services.members.members.queries import out

HERE = """
one.unit = any($1) and one.status <> 'merged' and other.status <> 'merged'
  and (other.id > one.id or other.unit <> all($1)) and other.id <> one.id and other.unit = any($2)
  and not exists (select from not_duplicate as pair
                  where pair.one = least(one.id, other.id) and pair.other = greatest(one.id, other.id))
  and ($3::uuid is null or (one.id, other.id) > ($3, $4::uuid))
"""
PAIRS = f"""
with pair as (
    select one.id as one, other.id as other
    from member as one
    join member as other
      on name_key(other.name_folded) = name_key(one.name_folded) and other.birth_year = one.birth_year
    where {HERE}
      and (one.birth_date = other.birth_date
           or one.unit = other.unit and (one.birth_date is null or other.birth_date is null))
    union
    select one.id, other.id
    from member as one
    join member as other on other.phone_index = one.phone_index
    where {HERE}
      and (name_key(other.name_folded) = name_key(one.name_folded) or other.birth_year = one.birth_year)
    order by one, other
    limit $5
)
select one.id as one, other.id as other, array_remove(array[
           case when name_key(one.name_folded) = name_key(other.name_folded) then 'name' end,
           case when one.birth_date = other.birth_date then 'birth_date'
                when one.birth_year = other.birth_year then 'birth_year' end,
           case when one.phone_index = other.phone_index then 'phone' end], null) as same
from pair join member as one on one.id = pair.one join member as other on other.id = pair.other
order by one.id, other.id
"""  # noqa: S608  # own text


async def find(conn: Connection, reach: Reach, within: Set[str], limit: int, cursor: str | None) -> Page[DuplicateOut]:
    """Pairs of members inside `reach`, one of them in `within`, not merged nor dismissed.

    Set-based: each member of `within` is looked up by her name's words and birth year, and by her phone, in the indexes
    of all.
    """
    if not within:
        raise NotFound
    start = after(cursor, UUID, UUID)
    rows = await conn.fetch(
        PAIRS,
        list(within),
        list(reach),
        *(start or (None, None)),
        limit + 1,
    )
    page, following = page_of(rows, limit, lambda row: (row["one"], row["other"]))
    found = await conn.fetch(
        "select * from member where id = any($1)", [row[name] for row in page for name in ("one", "other")]
    )
    members = {row["id"]: out(row) for row in found}
    items = [
        DuplicateOut(
            members=(members[min(row["one"], row["other"])], members[max(row["one"], row["other"])]),
            same=row["same"],
        )
        for row in page
    ]
    return Page(items=items, next_cursor=following)
