"""Words of names by area (units whose codes begin alike), so that a search of a province ends where its page does."""

from services.chassis import migrate

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Built while members are written; the old version, still serving, searches a province by its list from then on.

    What is written waits in a list that each search reads, so it is kept short.
    """
    migrate.run(WORDS)
    migrate.run_concurrently(
        "drop index concurrently if exists member_words",
        "create index concurrently member_words on member using gin (name_words(unit, name_folded))"
        " with (gin_pending_list_limit = 512)",
        "drop index concurrently if exists member_name_words",
    )


WORDS = r"""
create function name_words(unit text, name text) returns tsvector language sql immutable parallel safe
return array_to_tsvector(string_to_array(
    left(unit, 3) || '/' || regexp_replace(name, '[\W_]+', ' ' || left(unit, 3) || '/', 'g'), ' '));
"""
