"""A member may be erased: no name, no birth date, no household; and the proof that it was done."""

from services.chassis import migrate

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nullable where it was not: the old version reads on, and writes names as before."""
    migrate.run(
        """
        alter table member alter column name drop not null;
        alter table member add column erased_on date;
        alter table member add constraint member_erased_is_nobody
            check (erased_on is null or name is null and name_folded = '' and birth_date is null and household is null)
            not valid;

        create table erasure (
            member       uuid primary key references member,
            request      uuid not null unique references subject_request,
            request_hash bytea not null,
            erased       text[] not null,
            erased_on    date not null,
            erased_by    text not null,
            recorded_at  timestamptz not null default clock_timestamp()
        );
        create trigger erasure_no_change before update or delete on erasure
            for each row execute function is_append_only();
        create trigger erasure_no_truncate before truncate on erasure
            for each statement execute function is_append_only();
        """
    )
