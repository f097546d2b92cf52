"""The knobs of the Anthropic teacher: params.yaml, lamp_responses.anthropic. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from ...errors import UserError

SECTION = "lamp_responses.anthropic"


@dataclass(frozen=True)
class Price:
    """USD per million tokens. cached_from: tokens of the shortest prompt that the model's cache takes."""

    input: Annotated[float, Ge(0)]
    output: Annotated[float, Ge(0)]
    cache_write_5m: Annotated[float, Ge(0)]
    cache_write_1h: Annotated[float, Ge(0)]
    cache_read: Annotated[float, Ge(0)]
    cached_from: Annotated[int, Ge(1)]


@dataclass(frozen=True)
class Knobs:
    """Section lamp_responses.anthropic of params.yaml; its comments say what each key does."""

    model: str
    mode: Literal["batches", "plain"]
    budget_usd: float
    store: str
    max_tokens: Annotated[int, Ge(1)]
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None
    structured_output: bool
    attempts: Annotated[int, Ge(1)]
    cache_ttl: Literal["5m", "1h"]
    cache_hit_share: Annotated[float, Interval(ge=0, le=1)]
    batch_size: Annotated[int, Interval(ge=1, le=100_000)]
    poll_s: Annotated[float, Ge(0)]
    settle_s: Annotated[float, Ge(0)]
    concurrency: Annotated[int, Interval(ge=1, le=256)]
    timeout_s: Annotated[float, Ge(0.01)]
    retries: Annotated[int, Ge(0)]
    batch_discount: Annotated[float, Interval(ge=0, le=1)]
    prices: dict[str, Price]

    @property
    def price(self) -> Price:
        """The price of the model. Raises UserError where the table has none: its cost could not be bounded."""
        if self.model not in self.prices:
            known = ", ".join(self.prices) or "none"
            raise UserError(
                f"{SECTION}: no price for model {self.model!r} (there are prices for {known}); "
                "add it to prices, or set another model"
            )
        return self.prices[self.model]

    @property
    def store_folder(self) -> Path:
        """Where the paid answers are."""
        return Path(self.store).expanduser()
