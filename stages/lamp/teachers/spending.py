"""What calls to a model cost: counted afterwards, guessed before, bounded while they are out."""

from __future__ import annotations

from dataclasses import dataclass

from .anthropic_knobs import Price

_MILLION = 1_000_000
# Characters per token. No tokenizer of a current Claude model is public. That of Claude 2 (shipped in anthropic 0.38)
# makes 2,500 compact programs 2.74 characters a token, a description of the format 3.4 and 2,500 requests 4.7; we take
# about a tenth less, which guesses high. `lampforge cost` asks the API itself where a key is set.
PROGRAM_CHARACTERS = 2.45
PROSE_CHARACTERS = 3.05
# For a bound that holds: UTF-8 bytes per token, also for text in scripts where a character is a token or more.
_LEAST_BYTES = 2.0


@dataclass(frozen=True)
class Usage:
    """Tokens of a call. `input` is what is neither read from the cache nor written to it."""

    input: int
    output: int
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0

    def usd(self, price: Price, discount: float = 0.0) -> float:
        """What this costs. discount: the share that is taken off, of all kinds of tokens alike."""
        full = (
            self.input * price.input
            + self.output * price.output
            + self.cache_write_5m * price.cache_write_5m
            + self.cache_write_1h * price.cache_write_1h
            + self.cache_read * price.cache_read
        )
        return full / _MILLION * (1 - discount)


def tokens(text: str, characters: float = PROSE_CHARACTERS) -> int:
    """About how many tokens `text` has, at so many characters a token."""
    return round(len(text) / characters)


def most_usd(texts: list[str], max_tokens: int, price: Price, discount: float) -> float:
    """An upper bound of one call: all of `texts` written to the dearer cache, every output token used."""
    dearest = max(price.input, price.cache_write_5m, price.cache_write_1h)
    read = sum(len(text.encode()) for text in texts) / _LEAST_BYTES
    return (read * dearest + max_tokens * price.output) / _MILLION * (1 - discount)
