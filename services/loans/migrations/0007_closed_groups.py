"""Nothing is saved in a group that is closed: the trigger of savings says so too."""

from services.chassis import migrate

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """The version before is refused what it should not have taken; nothing else changes for it."""
    migrate.run(EMPTY)


EMPTY = """
create or replace function saving_is_there() returns trigger language plpgsql as $$
begin
    if exists (select from (
        select sum(sum(moved)) over (order by occurred_on) as held from saving
        where credit_group = new.credit_group and borrower = new.borrower group by occurred_on
    ) as days where held < 0) then
        raise exception 'more savings of % taken out than are there', new.borrower
            using errcode = 'integrity_constraint_violation';
    end if;
    if exists (
        select from saving join credit_group on credit_group.id = saving.credit_group
        where credit_group.id = new.credit_group and closed_on is not null
        group by greatest(occurred_on, closed_on) having sum(moved) <> 0
    ) then
        raise exception 'savings are left in the closed group %', new.credit_group
            using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;
"""
