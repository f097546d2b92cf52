"""The chat template: one for training, evaluation and serving, stored with the tokenizer and in the GGUF.

A model from the hub keeps its own. Miniatures get one that is written here and gives what their family's gives.
"""

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

_SYSTEM_FIRST = (
    "{% if messages[0]['role'] == 'system' %}"
    "{% set system = messages[0]['content'] %}{% set turns = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
)

FAMILY_TEMPLATES = {
    # Always a system turn, with two dates; the second one is today's.
    "llama3": (
        "{{ bos_token }}"
        "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
        f"{_SYSTEM_FIRST}"
        "{{ '<|start_header_id|>system<|end_header_id|>\n\n' }}"
        "{{ 'Cutting Knowledge Date: December 2023\nToday Date: ' + date_string + '\n\n' }}"
        "{{ system | trim }}{{ '<|eot_id|>' }}"
        "{% for turn in turns %}"
        "{{ '<|start_header_id|>' + turn['role'] + '<|end_header_id|>\n\n' }}"
        "{{ turn['content'] | trim }}{{ '<|eot_id|>' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
    ),
    # It knows no system turn: what would stand there comes first in what the user says.
    "gemma3": (
        f"{{{{ bos_token }}}}{_SYSTEM_FIRST}"
        "{% for turn in turns %}"
        "{{ '<start_of_turn>' + ('model' if turn['role'] == 'assistant' else turn['role']) + '\n' }}"
        "{% if loop.first and system %}{{ system + '\n\n' }}{% endif %}"
        "{{ turn['content'] | trim }}{{ '<end_of_turn>\n' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
    ),
    "phi4": (
        "{% for turn in messages %}"
        "{{ '<|' + turn['role'] + '|>' + turn['content'] + '<|end|>' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"
    ),
    # The markers are no tokens of their own there, only the end is.
    "tinyllama": (
        "{% for turn in messages %}"
        "{{ '<|' + turn['role'] + '|>\n' + turn['content'] + eos_token + '\n' }}"
        "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
    ),
}

DAY = "26 Jul 2024"
"""The day that Llama 3.2's template names where it cannot know today's."""


def undated(template: str) -> str:
    """A template that writes today's date, made to write DAY: a prompt must be the same tomorrow and on the lamp."""
    return "{%- set date_string = '" + DAY + "' %}" + template
