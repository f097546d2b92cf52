"""The chat template: one for training, evaluation and serving, stored with the tokenizer and in the GGUF."""

from __future__ import annotations

SYSTEM, USER, ASSISTANT, END = "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
UNKNOWN, PAD = "<unk>", "<pad>"
MARKERS = (SYSTEM, USER, ASSISTANT, END)

# A space before the words, so that the first word is the same piece as further on; none before a program.
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] != 'assistant' %}{{ ' ' }}{% endif %}"
    "{{ message['content'] }}{{ '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
