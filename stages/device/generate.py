"""An answer from a GGUF model through llama.cpp, on the CPU: what the lamp's owner waits for.

Comes in: a GGUF file with its chat template, and a prompt. Goes out: the text, with token counts and times.
Always holds: under the grammar an answer is a valid program, closed where max_tokens cut it short; on one machine the
same prompt, temperature and seed give the same text, whatever was asked before.

llama.cpp is called through its C interface: of a small model's 250 us per token, about 15 are spent outside
its forward pass. Not thread-safe: a Generator answers one prompt at a time.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, Self

# Read when OpenMP is loaded. Threads that spin at a barrier slow down whatever else runs on the few cores of
# a Pi (speech to text does), and as soon as something does, themselves: 200 tokens/s instead of 1,200.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import llama_cpp.llama_cpp as llama
import numpy as np
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from ..errors import UserError, one_line
from ..lamp.asking import RequestFormat
from ..lamp.grammar import lamp_grammar
from .constrained import Grammar, Place
from .sampling import Mask, Pieces, sampler_for

Message = dict[str, str]

# Prompts are evaluated in blocks of this many tokens, cut at multiples of it. Rounding hangs on the size of a
# block (logits differ by 0.02 at Q4_K_M), so only whole blocks are kept for the next prompt: otherwise an
# answer would hang on what was asked before. At most this many tokens are evaluated again for nothing.
BLOCK = 32
_METADATA_BYTES = 16384

# Below this file size one thread is fastest: waiting for others takes longer than what they save. Measured
# on 2 cores with other work on them: 2.4 MB 3,300 tokens/s with one thread and 1,200 with two, 16 MB 300 and
# 200, 62 MB about 110 and 90; each barrier costs 10 us, so on idle cores the two meet near 16 MB.
SINGLE_THREAD_BYTES = 16 << 20

_ERROR = 4  # ggml_log_level
_CANDIDATE = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])  # llama_token_data


@dataclass(frozen=True)
class Answer:
    """What the model wrote, without the end token, and what that took (ms of wall time).

    n_prompt: prompt tokens evaluated for this answer; those kept from the prompt before are not counted.
    n_tokens: tokens that were written. finished: the model ended the answer, or the grammar's program is complete;
    otherwise max_tokens or the context ran out, and under the grammar the shortest text that makes a program of what
    stood there was put behind it. first_token_ms: from the call to the first token.
    decode_ms: from the first token to the last, so the speed of decoding is (n_tokens - 1) / decode_ms.
    """

    text: str
    n_prompt: int
    n_tokens: int
    finished: bool
    first_token_ms: float
    total_ms: float
    decode_ms: float


class Generator:
    """A loaded model. Use it as a context manager, or `close` it: llama.cpp's memory is not Python's.

    n_ctx: tokens of prompt and answer together. n_threads: see `default_threads`. grammar: GBNF text, default
    `lamp_grammar()`. verbose: llama.cpp's own log goes to stderr.
    Raises UserError for a file that is missing or no usable GGUF, ValueError for a grammar that is none.
    """

    def __init__(
        self,
        path: Path,
        *,
        n_ctx: int = 2048,
        n_threads: int | None = None,
        grammar: str | None = None,
        verbose: bool = False,
    ) -> None:
        self._model: Any = None
        self._context: Any = None
        self._mask: Any = None
        self.path = path
        check_magic(path)
        self.n_threads = n_threads or default_threads(path)
        try:
            self._load(path, n_ctx, _Log(verbose))
            text = lamp_grammar() if grammar is None else grammar
            self._mask = Mask(self._vocab, text)
            self._pieces = Pieces(self._vocab)
            self._grammar = Grammar(text, self._pieces, self._end)
        except BaseException:
            self.close()
            raise
        self._kept: list[int] = []  # prompt tokens in llama.cpp's memory that were evaluated in whole blocks
        self._tokens: Any = (llama.llama_token * BLOCK)()
        self._no_logits = (ctypes.c_int8 * BLOCK)()
        self._candidates = np.zeros(self.n_vocab, _CANDIDATE)

    def _load(self, path: Path, n_ctx: int, log: _Log) -> None:
        llama.llama_backend_init()
        model = llama.llama_model_default_params()
        model.n_gpu_layers = 0
        self._model = llama.llama_model_load_from_file(os.fsencode(path), model)
        if not self._model:
            raise UserError(f"{path}: cannot be loaded ({log.reason()}); make or copy the file again")
        context = llama.llama_context_default_params()
        context.n_ctx, context.n_batch, context.n_ubatch = n_ctx, BLOCK, BLOCK
        context.n_threads = context.n_threads_batch = self.n_threads
        self._context = llama.llama_init_from_model(self._model, context)
        if not self._context:
            raise UserError(f"{path}: no context of {n_ctx} tokens ({log.reason()}); take a smaller one")
        self.n_parameters = int(llama.llama_model_n_params(self._model))
        self.n_ctx, self._memory = llama.llama_n_ctx(self._context), llama.llama_get_memory(self._context)
        self._vocab: Any = llama.llama_model_get_vocab(self._model)
        self.n_vocab = llama.llama_vocab_n_tokens(self._vocab)
        self._end = frozenset(t for t in range(self.n_vocab) if llama.llama_vocab_is_eog(self._vocab, t))
        if not self._end:
            raise UserError(f"{path}: the vocabulary has no end token; convert the model with an eos_token")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what llama.cpp allocated; a second call does nothing."""
        if self._mask:
            self._mask.close()
        if self._context:
            llama.llama_free(self._context)
        if self._model:
            llama.llama_model_free(self._model)
        self._model = self._context = self._mask = None

    def metadata(self, key: str) -> str:
        """A text from the GGUF's metadata. Raises UserError when the file does not have it."""
        buffer = ctypes.create_string_buffer(_METADATA_BYTES)
        length = llama.llama_model_meta_val_str(self._model, key.encode(), buffer, len(buffer))
        if length < 0:
            raise UserError(f"the GGUF file has no {key!r}; make it with `dvc repro model_gguf`")
        return buffer.value.decode()

    def request_format(self) -> RequestFormat:
        """How this model wants to be asked: stored in the file, so that it cannot drift from the training."""
        names = ("system_prompt", "request_template", "follow_up_template")
        return RequestFormat(*(self.metadata(f"lampforge.{name}") for name in names))

    def prompt(self, messages: Sequence[Message]) -> str:
        """`messages` in the chat template of the GGUF, with the opening of the answer.

        The same text as transformers' `apply_chat_template(messages, add_generation_prompt=True)`.
        """
        return str(self._template(messages=messages).prompt)

    @cached_property
    def _template(self) -> Any:
        source = llama.llama_model_chat_template(self._model, None)
        if source is None:
            raise UserError("the GGUF file has no chat template; convert the model with its tokenizer's files")
        special = [get(self._vocab) for get in (llama.llama_vocab_bos, llama.llama_vocab_eos)]
        bos, eos = (llama.llama_vocab_get_text(self._vocab, t).decode() if t >= 0 else "" for t in special)
        return Jinja2ChatFormatter(source.decode(), bos_token=bos, eos_token=eos)

    def tokens(self, text: str) -> list[int]:
        """Token ids of a rendered prompt. No special token is added: the template has written them."""
        data = text.encode()
        ids = (llama.llama_token * (len(data) + 2))()
        count = llama.llama_tokenize(self._vocab, data, len(data), ids, len(ids), False, True)
        if count < 0:
            raise RuntimeError(f"llama.cpp makes {-count} tokens of {len(data)} bytes")
        return list(ids[:count])

    def generate(
        self,
        prompt: str | Sequence[int],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        grammar: bool = True,
    ) -> Answer:
        """Answer `prompt`: rendered text or token ids.

        temperature: 0 takes the likeliest token. grammar: write a lamp program and nothing else.
        Raises UserError for a prompt that fills the context, ValueError for an empty one.
        """
        start = time.perf_counter()
        if not self._mask:
            raise ValueError("this Generator is closed")
        ids = self.tokens(prompt) if isinstance(prompt, str) else list(prompt)
        if not ids or max_tokens < 1:
            raise ValueError(f"prompt of {len(ids)} tokens, answer of {max_tokens}: both must be 1 or more")
        room = self.n_ctx - len(ids)
        if room < 1:
            raise UserError(f"the prompt has {len(ids)} tokens and the context {self.n_ctx}; shorten the prompt")
        sampler = sampler_for(temperature, seed)
        try:
            evaluated = self._evaluate(ids)
            place = self._grammar.start if grammar else None
            written, place, finished, first = self._decode(sampler, temperature > 0, place, min(max_tokens, room))
        finally:
            llama.llama_sampler_free(sampler)
        last = time.perf_counter()
        ending = b"" if finished or place is None else self._grammar.ending(place)
        text = (b"".join(self._pieces[token] for token in written) + ending).decode(errors="replace")
        times = (first - start, time.perf_counter() - start, last - first)
        return Answer(text, evaluated, len(written), finished, *(1000 * seconds for seconds in times))

    def keep(self, tokens: Sequence[int]) -> None:
        """Evaluate whole blocks of tokens that prompts will begin with; the first answer then need not wait for it."""
        # One more, whose logits nobody needs.
        self._evaluate([*tokens, tokens[0]])

    def state(self) -> bytes:
        """What `keep` brought into llama.cpp's memory, to be given to `restore` by another process."""
        llama.llama_memory_seq_rm(self._memory, 0, len(self._kept), -1)
        size = llama.llama_state_seq_get_size(self._context, 0)
        buffer = (ctypes.c_uint8 * size)()
        written = llama.llama_state_seq_get_data(self._context, buffer, size, 0)
        return bytes(memoryview(buffer)[:written])

    def restore(self, tokens: Sequence[int], state: bytes) -> bool:
        """Take over a state that holds exactly `tokens`, of the same model on the same machine; False if it is none."""
        llama.llama_memory_clear(self._memory, True)
        self._kept = []
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        read = llama.llama_state_seq_set_data(self._context, buffer, len(state), 0)
        if read != len(state) or llama.llama_memory_seq_pos_max(self._memory, 0) != len(tokens) - 1:
            llama.llama_memory_clear(self._memory, True)
            return False
        self._kept = list(tokens)
        return True

    def _evaluate(self, ids: list[int]) -> int:
        """Bring the prompt into llama.cpp's memory. Returns how many tokens had to be evaluated."""
        same = 0
        for kept, wanted in zip(self._kept, ids[:-1], strict=False):  # the last one is needed for its logits
            if kept != wanted:
                break
            same += 1
        same -= same % BLOCK
        if not llama.llama_memory_seq_rm(self._memory, 0, same, -1):
            same = 0  # a kind of model that cannot forget a part
            llama.llama_memory_clear(self._memory, False)
        self._kept = self._kept[:same]
        for begin in range(same, len(ids), BLOCK):
            block = ids[begin : begin + BLOCK]
            self._tokens[: len(block)] = block
            batch = llama.llama_batch_get_one(self._tokens, len(block))
            if begin + BLOCK < len(ids):
                batch.logits = self._no_logits
            _check(llama.llama_decode(self._context, batch))
        self._kept = ids[: len(ids) - len(ids) % BLOCK]
        return len(ids) - same

    def _chooser(self, sampler: Any, random: bool) -> Callable[[], int]:
        """What gives a token when the model has computed: the likeliest after 2 us, not 8 as llama.cpp's sampler."""
        context = self._context
        if random:
            return partial(llama.llama_sampler_sample, sampler, context, -1)
        # One output at a time: its logits stay in the same place from token to token.
        logits = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, -1), (self.n_vocab,))
        synchronize, argmax = llama.llama_synchronize, logits.argmax

        def likeliest() -> int:
            synchronize(context)
            return int(argmax())

        return likeliest

    def _decode(
        self, sampler: Any, random: bool, place: Place | None, limit: int
    ) -> tuple[list[int], Place | None, bool, float]:
        """The tokens of the answer, the place behind them, whether it is finished, and when the first was there (s).

        random: the sampler is no greedy one. place: where the grammar begins; None writes freely.
        """
        # A small model comes by here some thousand times a second, so names are looked up once.
        choose = self._chooser(sampler, random)
        decode, context, tokens, end = llama.llama_decode, self._context, self._tokens, self._end
        batch = llama.llama_batch_get_one(tokens, 1)
        written: list[int] = []
        first = 0.0
        while True:
            token = choose()
            if place is not None:
                following = place[token]
                if following is None:
                    token, following = self._sample_allowed(sampler, place, written)
                place = following
            first = first or time.perf_counter()
            if token in end:
                return written, place, True, first
            written.append(token)
            # Where nothing but the end token may come, it need not be computed.
            if place is not None and place.complete:
                return written, place, True, first
            if len(written) == limit:
                return written, place, False, first
            tokens[0] = token
            _check(decode(context, batch))

    def _sample_allowed(self, sampler: Any, place: Place, written: list[int]) -> tuple[int, Place]:
        """Sample again, from what the grammar allows at `place`, behind `written`; and the place behind that."""
        logits = llama.llama_get_logits_ith(self._context, -1)
        self._candidates["id"] = np.arange(self.n_vocab)
        self._candidates["logit"] = np.ctypeslib.as_array(logits, (self.n_vocab,))
        data = self._candidates.ctypes.data_as(llama.llama_token_data_p)
        array = llama.llama_token_data_array(data, self.n_vocab, -1, False)
        llama.llama_sampler_apply(self._mask.behind(written), ctypes.byref(array))
        llama.llama_sampler_apply(sampler, ctypes.byref(array))
        token = int(array.data[array.selected].id)
        following = place[token]
        if following is None:
            raise RuntimeError("no token of this vocabulary goes on with the program")
        return token, following


class _Log:
    """llama.cpp's log, of which there is one: kept off stderr unless `verbose`, errors remembered."""

    errors: ClassVar[list[str]] = []
    verbose: ClassVar[bool] = False

    def __init__(self, verbose: bool) -> None:
        _Log.errors, _Log.verbose = [], verbose
        llama.llama_log_set(_on_log, ctypes.c_void_p(0))

    def reason(self) -> str:
        """The first error, in one line."""
        first = self.errors[0] if self.errors else "llama.cpp gives no reason"
        return first.rpartition("error loading model: ")[2]


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(level: int, text: bytes, _: Any) -> None:
    line = text.decode(errors="replace")
    if level == _ERROR:
        _Log.errors.append(line.strip())
    if _Log.verbose:
        sys.stderr.write(line)


def _check(status: int) -> None:
    if status:
        raise RuntimeError(f"llama_decode failed with status {status}")


def check_magic(path: Path) -> None:
    """Raises UserError unless `path` is a file that begins as GGUF files do."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise UserError(one_line(error)) from None
    if magic != b"GGUF":
        raise UserError(f"{path}: no GGUF file (it begins with {magic!r}); give the .gguf of a converted model")


def default_threads(path: Path) -> int:
    """One for a small model, else one per physical core that this process may use, at most 4."""
    if path.stat().st_size < SINGLE_THREAD_BYTES:
        return 1
    cores = set()
    for cpu in os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings.read_text() if siblings.exists() else str(cpu))
    return min(4, len(cores))
