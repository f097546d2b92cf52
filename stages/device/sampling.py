"""llama.cpp's samplers as this package needs them, and the text of its tokens."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp.llama_cpp as llama


class Mask:
    """llama.cpp's own grammar sampler, which finds all tokens that may come next: 170 us for 2,048.

    It follows the text only when a sampled token is refused there, which most answers never need.
    """

    def __init__(self, vocab: Any, text: str) -> None:
        """Raises ValueError where llama.cpp cannot parse the grammar `text` and gives back no sampler."""
        # An empty text would give a sampler that allows everything.
        self._first = llama.llama_sampler_init_grammar(vocab, text.encode(), b"root") if text else None
        if not self._first:
            raise ValueError(f"llama.cpp cannot parse this grammar: {text[:60]!r}")
        self._moved = llama.llama_sampler_clone(self._first)
        self._accepted: list[int] = []

    def behind(self, written: list[int]) -> Any:
        """The sampler behind the tokens `written`, which must be allowed: llama.cpp ends the process otherwise."""
        if written[: len(self._accepted)] != self._accepted:
            llama.llama_sampler_free(self._moved)
            self._moved, self._accepted = llama.llama_sampler_clone(self._first), []
        for token in written[len(self._accepted) :]:
            llama.llama_sampler_accept(self._moved, token)
        self._accepted = written.copy()
        return self._moved

    def close(self) -> None:
        """Free both samplers."""
        llama.llama_sampler_free(self._moved)
        llama.llama_sampler_free(self._first)


class Pieces(dict[int, bytes]):
    """The text of each token, asked for once. Lazily: some vocabularies have 260,000, and answers use few."""

    def __init__(self, vocab: Any) -> None:
        super().__init__()
        self._vocab = vocab

    def __missing__(self, token: int) -> bytes:
        size = -llama.llama_token_to_piece(self._vocab, token, None, 0, 0, True)
        buffer = ctypes.create_string_buffer(max(size, 1))
        llama.llama_token_to_piece(self._vocab, token, buffer, size, 0, True)
        self[token] = buffer.raw[:size]
        return self[token]


def sampler_for(temperature: float, seed: int) -> Any:
    """What draws a token: at temperature 0 the likeliest, else one by its probability. llama.cpp's memory: free it."""
    chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
    if temperature > 0:
        llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_temp(temperature))
        # The highest seed means "take any" to llama.cpp.
        llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_dist(seed % llama.LLAMA_DEFAULT_SEED))
    else:
        llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_greedy())
    return chain
