"""What may be done to a loan in each status, and what to say of the rest. Pure."""

from contracts.loans import LoanStatus
from services.chassis.errors import Text
from services.loans import legality
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
    legality.demand(
        action, status, LEGAL, STATUSES, ACTIONS, of=Text("Khoản vay", "The loan"), slug="loan-step-illegal"
    )
