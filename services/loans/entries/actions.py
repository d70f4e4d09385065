"""What may be done to a loan in each status, and what to say of the rest. Pure."""

from contracts.loans import LoanStatus
from services.chassis.errors import Conflict, Text
from services.loans.loans.schemas import Action

OPEN: tuple[Action, ...] = ("disbursements", "repayments", "extensions", "overdue", "freezes", "write-off")
LEGAL: dict[LoanStatus, tuple[Action, ...]] = {
    "signed": ("disbursements", "withdrawal"),
    "withdrawn": (),
    "in_term": OPEN,
    "extended": OPEN,
    "overdue": ("repayments", "extensions", "overdue", "freezes", "write-off"),
    "frozen": ("repayments", "extensions", "overdue", "freezes", "unfreezing", "write-off"),
    "repaid": ("disbursements", "repayments"),
    "written_off": (),
}
"""A repaid loan may still owe interest, or await another tranche of its contract."""
STATUSES: dict[LoanStatus, Text] = {
    "signed": Text("đã ký, chưa giải ngân", "signed, nothing disbursed"),
    "withdrawn": Text("đã rút hồ sơ", "withdrawn"),
    "in_term": Text("trong hạn", "in term"),
    "extended": Text("đã gia hạn", "extended"),
    "overdue": Text("quá hạn", "overdue"),
    "frozen": Text("đang khoanh nợ", "frozen"),
    "repaid": Text("đã trả hết", "repaid"),
    "written_off": Text("đã xóa nợ", "written off"),
}
ACTIONS: dict[Action, Text] = {
    "disbursements": Text("giải ngân", "disbursement"),
    "repayments": Text("trả nợ", "repayment"),
    "extensions": Text("gia hạn", "extension"),
    "overdue": Text("chuyển nợ quá hạn", "transfer to overdue"),
    "freezes": Text("khoanh nợ", "freeze"),
    "unfreezing": Text("bỏ khoanh", "unfreezing"),
    "write-off": Text("xóa nợ", "write-off"),
    "withdrawal": Text("rút hồ sơ", "withdrawal of the application"),
}


def demand(action: Action, status: LoanStatus) -> None:
    """409 naming what is legal, if the action is not in this status."""
    legal = LEGAL[status]
    if action not in legal:
        vi = ", ".join(ACTIONS[each].vi for each in legal) or "không có"
        en = ", ".join(ACTIONS[each].en for each in legal) or "nothing"
        raise Conflict(
            Text(
                f"Khoản vay {STATUSES[status].vi}: không thể {ACTIONS[action].vi}; có thể: {vi}",
                f"The loan is {STATUSES[status].en}: no {ACTIONS[action].en}; legal: {en}",
            ),
            slug="loan-step-illegal",
            legal=list(legal),
        )
