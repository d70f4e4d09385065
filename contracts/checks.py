"""Use-of-funds checks (*kiểm tra sử dụng vốn vay*), as the state of a loan tells them: one for each disbursement."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CheckResult = Literal["proper", "partly", "misused", "not_started"]
Outcome = Literal["put_right", "repaid", "made_overdue", "none"]


class FundsCheck(BaseModel):
    """Was the money of a disbursement used for what it was lent for?"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    due_on: date
    done_on: date | None = Field(None, description="None while it is still to be done")
    result: CheckResult | None = None
    follow_up_due_on: date | None = Field(None, description="By when somebody looks again, after misuse")
    settled_on: date | None = Field(None, description="When somebody did")
    outcome: Outcome | None = Field(None, description="What became of misuse")
