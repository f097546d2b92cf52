"""The families by name, as a source.yaml names them."""

from __future__ import annotations

from ..family import Family
from . import (
    alpaca,
    code_doc,
    contest,
    dialogue_utterances,
    function_calling,
    mcq,
    messages,
    moral,
    pairs_of_strings,
    preference,
    prompt_story,
    prosocial,
    qa,
    red_team,
    refinement,
    sharegpt,
    squad,
    steps,
    tool_chat,
    transcript,
    tree,
)

FAMILIES: dict[str, Family] = {
    "alpaca": alpaca.FAMILY,
    "code_doc": code_doc.FAMILY,
    "contest": contest.FAMILY,
    "dialogue_utterances": dialogue_utterances.FAMILY,
    "function_calling": function_calling.FAMILY,
    "mcq": mcq.FAMILY,
    "messages": messages.FAMILY,
    "moral": moral.FAMILY,
    "pairs_of_strings": pairs_of_strings.FAMILY,
    "preference": preference.FAMILY,
    "prompt_story": prompt_story.FAMILY,
    "prosocial": prosocial.FAMILY,
    "qa": qa.FAMILY,
    "red_team": red_team.FAMILY,
    "refinement": refinement.FAMILY,
    "sharegpt": sharegpt.FAMILY,
    "squad": squad.FAMILY,
    "steps": steps.FAMILY,
    "tool_chat": tool_chat.FAMILY,
    "transcript": transcript.FAMILY,
    "tree": tree.FAMILY,
}
