"""How good an answer is, so that pairs of two answers can be ranked: scorers behind one interface."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from annotated_types import Ge

from ..errors import UserError

if TYPE_CHECKING:
    import torch

Messages = list[dict[str, str]]
"""A conversation as chat templates take it: {role, content} each, oldest first."""
Name = Literal["none", "likelihood"]


@dataclass(frozen=True)
class Knobs:
    """Section corpus_preferences.likelihood of params.yaml; its comments say what each key does."""

    model: str
    revision: str | None
    max_tokens: Annotated[int, Ge(2)]
    batch_size: Annotated[int, Ge(1)]
    threads: Annotated[int, Ge(1)]


class Scorer(Protocol):
    """Judges answers; another judge (a reward model, say) is one more class with this method."""

    def score(self, prompts: Sequence[Messages], answers: Sequence[str]) -> list[float]:
        """A figure for each answer to its prompt, the larger the better; not a number where it cannot be judged."""
        ...


class NoOpinion:
    """Finds all answers equal, so that pairs are ranked by their hashes alone."""

    def score(self, prompts: Sequence[Messages], answers: Sequence[str]) -> list[float]:
        """0.0 for each."""
        return [0.0] * len(answers)


class Likelihood:
    """The mean log-likelihood, in nats per token, of an answer under a causal language model.

    Prompts are written in the model's chat template; for a model without one, the messages are parted by blank lines.
    What is longer than `max_tokens` is cut: a prompt at its beginning, to half of them at most, and then the answer at
    its end, so that two answers to the same are judged behind the same prompt.
    """

    def __init__(self, knobs: Knobs) -> None:
        """Load the model, on a GPU where there is one. Raises UserError where it is none that can be loaded."""
        _pin(knobs.threads)
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._knobs = knobs
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(knobs.model, revision=knobs.revision)
            model = AutoModelForCausalLM.from_pretrained(knobs.model, revision=knobs.revision, dtype="auto")
        except (OSError, ValueError) as error:
            why = str(error).partition("\n")[0]
            raise UserError(
                f"corpus_preferences.likelihood.model: {knobs.model!r} cannot be loaded ({why});"
                " name the folder or the hub id of a causal language model"
            ) from None
        self._model = model.to(self._device).eval()

    def score(self, prompts: Sequence[Messages], answers: Sequence[str]) -> list[float]:
        """The mean log-likelihood of each answer's tokens behind its prompt; not a number for one without tokens."""
        pairs = [self._ids(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
        size = self._knobs.batch_size
        return [score for start in range(0, len(pairs), size) for score in self._means(pairs[start : start + size])]

    def _ids(self, prompt: Messages, answer: str) -> tuple[list[int], list[int]]:
        asked = self._prompt_ids(prompt)
        said = self._tokenizer(answer, add_special_tokens=False)["input_ids"]
        room = self._knobs.max_tokens
        if len(asked) + len(said) > room:
            asked = asked[-max(1, room // 2) :]
        return asked, said[: room - len(asked)]

    def _prompt_ids(self, prompt: Messages) -> list[int]:
        if self._tokenizer.chat_template is None:
            text = "".join(f"{message['content']}\n\n" for message in prompt)
            return list(self._tokenizer(text)["input_ids"])
        from jinja2 import TemplateError

        try:
            text = self._tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        except TemplateError as error:
            raise UserError(
                f"the chat template of {self._knobs.model} does not take a prompt ({error}); take another model for"
                " corpus_preferences.likelihood.model"
            ) from None
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _means(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        import torch

        width = max(len(asked) + len(said) for asked, said in pairs)
        # Padding is behind the texts, where nothing before it looks.
        ids = torch.zeros(len(pairs), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, (asked, said) in enumerate(pairs):
            length = len(asked) + len(said)
            ids[row, :length] = torch.tensor(asked + said)
            mask[row, :length] = 1
        # A vocabulary of 100,000 makes 400 kB of logits for each token: none for those of the prompts.
        first = min(len(asked) for asked, _ in pairs) - 1
        with torch.inference_mode():
            logits = self._model(
                input_ids=ids.to(self._device), attention_mask=mask.to(self._device), logits_to_keep=width - first
            ).logits
        return [
            self._mean(logits[row, len(asked) - 1 - first :], said) if asked and said else float("nan")
            for row, (asked, said) in enumerate(pairs)
        ]

    @staticmethod
    def _mean(logits: torch.Tensor, said: list[int]) -> float:
        """The mean log-probability of the tokens. logits: (at least as many tokens, vocabulary), each for its own."""
        import torch

        wanted = torch.tensor(said, device=logits.device)
        return float(-torch.nn.functional.cross_entropy(logits[: len(said)].float(), wanted))


def _pin(threads: int) -> None:
    """The same figures on machines of one kind, whatever else runs on them; in a process that has not loaded torch."""
    from ..model import determinism

    if "torch" not in sys.modules:
        offline = os.environ.get("HF_HUB_OFFLINE", "0")
        determinism.pin_environment(threads)
        os.environ["HF_HUB_OFFLINE"] = offline  # that module's models are made here; this one may come from the hub
    import torch

    torch.set_num_threads(threads)


@functools.cache
def scorer(name: Name, knobs: Knobs) -> Scorer:
    """The scorer of this name, loaded once per process. Raises UserError where it lacks a model."""
    if name == "none":
        return NoOpinion()
    if not knobs.model:
        raise UserError(
            "corpus_preferences.scorer is likelihood, but likelihood.model is empty; name the folder or the hub id of a"
            " causal language model, or take scorer: none"
        )
    return Likelihood(knobs)


def files_of(name: Name, knobs: Knobs) -> list[Path]:
    """The files that a scorer's figures hang on, where they lie on this machine."""
    folder = Path(knobs.model)
    if name == "none" or not knobs.model or not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.is_file())


def check(name: Name, knobs: Knobs) -> None:
    """Raises UserError for a scorer that cannot work, before anything is read."""
    if name == "likelihood" and not knobs.model:
        scorer(name, knobs)
