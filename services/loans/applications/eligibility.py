"""Who may have a loan under a programme: each rule with its verdict and why. Pure."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from contracts.members import PovertyStatus
from services.chassis.errors import Fault, Text
from services.loans.programmes.schemas import ProgrammeOut

Verdict = Literal["passed", "failed", "open"]
NAMES: dict[PovertyStatus, Text] = {
    "poor": Text("hộ nghèo", "poor"),
    "near_poor": Text("hộ cận nghèo", "near-poor"),
    "newly_escaped": Text("hộ mới thoát nghèo", "newly escaped poverty"),
    "average": Text("hộ mức sống trung bình", "average"),
    "other": Text("hộ khác", "other"),
}


class Case(NamedTuple):
    """What is asked, and what is known of the household on that day."""

    amount: int
    term_months: int
    poverty_status: PovertyStatus | None
    owed: int
    """VND owed, or approved and not yet disbursed, under the programme."""
    overdue: int
    """VND overdue under any."""
    pending: bool
    """Another application for the programme is under way."""
    attested: Sequence[str]


class Rule(NamedTuple):
    """One rule: passed, failed, or open until somebody attests it."""

    code: str
    pointer: str
    verdict: Verdict
    reason: Text


def rules(terms: ProgrammeOut | None, case: Case) -> Iterator[Rule]:
    """Every rule of the terms in force (None: there are none), in the order in which they are asked."""
    if terms is None or terms.annual_rate_ppm is None:
        text = Text("Chương trình không có hiệu lực ngày đó", "No such programme is in force that day")
        yield Rule("programme_in_force", "/programme", "failed", text)
        return
    text = Text(f"Chương trình {terms.name_vi} đang có hiệu lực", f"{terms.name_en} is in force")
    yield Rule("programme_in_force", "/programme", "passed", text)
    yield _poverty(terms, case)
    yield _cap(terms, case)
    longest = terms.longest_term_months
    text = Text(f"Thời hạn {case.term_months}/{longest} tháng", f"Term of {case.term_months} of {longest} months")
    yield Rule("term", "/term_months", _verdict(case.term_months <= longest), text)
    text = Text(f"Nợ quá hạn: {case.overdue} đồng", f"Overdue debt: {case.overdue} VND")
    yield Rule("no_overdue", "/borrower", _verdict(not case.overdue), text)
    text = (
        Text("Đang có hồ sơ khác chưa giải quyết", "Another application is under way")
        if case.pending
        else Text("Không có hồ sơ khác đang giải quyết", "No other application is under way")
    )
    yield Rule("no_other_application", "/programme", _verdict(not case.pending), text)
    for condition in terms.conditions:
        verdict: Verdict = "passed" if condition.code in case.attested else "open"
        yield Rule(condition.code, "/conditions", verdict, Text(condition.vi, condition.en))


def _poverty(terms: ProgrammeOut, case: Case) -> Rule:
    if not terms.eligible:
        text = Text("Chương trình không giới hạn theo hoàn cảnh hộ", "Open to any poverty status")
        return Rule("poverty_status", "/borrower", "passed", text)
    vi = ", ".join(NAMES[status].vi for status in terms.eligible)
    en = ", ".join(NAMES[status].en for status in terms.eligible)
    is_vi = NAMES[case.poverty_status].vi if case.poverty_status else "chưa rõ"
    is_en = NAMES[case.poverty_status].en if case.poverty_status else "not known"
    text = Text(f"Dành cho {vi}; hộ này: {is_vi}", f"For {en}; this household: {is_en}")
    return Rule("poverty_status", "/borrower", _verdict(case.poverty_status in terms.eligible), text)


def _cap(terms: ProgrammeOut, case: Case) -> Rule:
    if terms.cap is None:
        return Rule("cap", "/amount", "passed", Text("Không có mức tối đa", "There is no cap"))
    text = Text(
        f"Đang nợ {case.owed} và vay thêm {case.amount}; tối đa {terms.cap} đồng",
        f"{case.owed} owed and {case.amount} more, of at most {terms.cap} VND",
    )
    return Rule("cap", "/amount", _verdict(case.owed + case.amount <= terms.cap), text)


def _verdict(holds: bool) -> Verdict:  # a verdict on what holds
    return "passed" if holds else "failed"


def faults(found: Sequence[Rule]) -> list[Fault]:
    """The failed rules, as a refusal says them."""
    return [Fault(rule.pointer, rule.code, rule.reason) for rule in found if rule.verdict == "failed"]
