"""What fires a warning of a loan, in words. Pure: of the facts that the question found, one for each rule."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from services.chassis.errors import Text
from services.loans.parameters import parameter
from services.loans.portfolio.schemas import RuleCode

RATINGS = {
    "good": Text("tốt", "good"),
    "fair": Text("khá", "fair"),
    "average": Text("trung bình", "average"),
    "weak": Text("yếu", "weak"),
}
"""The best first."""


class Thresholds(NamedTuple):
    """The parameters of the rules, in force on a day."""

    due_days: int
    unpaid_months: int
    pending_days: int
    freeze_days: int


class Fired(NamedTuple):
    """A rule and why it fired."""

    code: RuleCode
    message: Text


def thresholds(on: date) -> Thresholds:
    """Those in force on a day."""
    return Thresholds(
        parameter("warning.due_days", on),
        parameter("warning.unpaid_months", on),
        parameter("warning.pending_days", on),
        parameter("warning.freeze_days", on),
    )


def fired(facts: Mapping[str, Any], limits: Thresholds) -> Iterator[Fired]:
    """The rules that fired: those whose fact is not None."""
    if facts["due_unpaid"] is not None:
        owed, on, months = facts["due_unpaid"], facts["due_on"], limits.unpaid_months
        yield Fired(
            "due_unpaid",
            Text(
                f"{_vi(owed)} đồng đến hạn ngày {on:%d/%m/%Y}, {months} tháng qua chưa trả gốc",
                f"{owed:,} VND falls due on {on}, and no principal was repaid in the last {months} months",
            ),
        )
    if facts["first_overdue"] is not None:
        owed, on = facts["first_overdue"], facts["overdue_since"]
        yield Fired(
            "first_overdue",
            Text(
                f"{_vi(owed)} đồng quá hạn lần đầu, từ ngày {on:%d/%m/%Y}",
                f"{owed:,} VND is overdue for the first time, since {on}",
            ),
        )
    if facts["check_overdue"] is not None:
        on, many = facts["check_overdue"], facts["checks_overdue"]
        yield Fired(
            "check_overdue",
            Text(
                f"{many} lần kiểm tra sử dụng vốn quá hạn, sớm nhất phải xong ngày {on:%d/%m/%Y}",
                f"{many} use-of-funds check(s) overdue, the first since {on}",
            ),
        )
    if facts["check_misused"] is not None:
        on, amount = facts["check_misused"], facts["misused"]
        yield Fired(
            "check_misused",
            Text(
                f"Kiểm tra ngày {on:%d/%m/%Y}: {_vi(amount)} đồng giải ngân bị sử dụng sai mục đích, chưa xử lý xong",
                f"Checked on {on}: of {amount:,} VND disbursed there was misuse, which is not settled",
            ),
        )
    if facts["group_rating_fell"] is not None:
        before, now = RATINGS[facts["rated_before"]], RATINGS[facts["rated"]]
        month: date = facts["group_rating_fell"]
        yield Fired(
            "group_rating_fell",
            Text(
                f"Xếp loại tổ giảm từ {before.vi} xuống {now.vi}, tháng {month:%m/%Y}",
                f"The group's rating fell from {before.en} to {now.en} in {month:%Y-%m}",
            ),
        )
    if facts["group_rating_weak"] is not None:
        month = facts["group_rating_weak"]
        yield Fired(
            "group_rating_weak",
            Text(f"Tổ xếp loại yếu, từ tháng {month:%m/%Y}", f"The group is rated weak, as of {month:%Y-%m}"),
        )
    if facts["receipts_pending"] is not None:
        amount, on, days = facts["receipts_pending"], facts["collected_on"], limits.pending_days
        yield Fired(
            "receipts_pending",
            Text(
                f"{_vi(amount)} đồng đã thu quá {days} ngày, ngân hàng chưa xác nhận; sớm nhất ngày {on:%d/%m/%Y}",
                f"{amount:,} VND collected over {days} days ago is not confirmed; the oldest of {on}",
            ),
        )
    if facts["freeze_ending"] is not None:
        amount, on = facts["freeze_ending"], facts["frozen_until"]
        yield Fired(
            "freeze_ending",
            Text(
                f"{_vi(amount)} đồng hết thời hạn khoanh nợ, sớm nhất ngày {on:%d/%m/%Y}",
                f"The freeze of {amount:,} VND ends, the first on {on}",
            ),
        )


def _vi(amount: int) -> str:
    """VND as Vietnamese writes thousands: 1.000.000."""
    return f"{amount:,}".replace(",", ".")
