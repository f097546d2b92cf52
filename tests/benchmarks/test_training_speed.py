"""What keeping freed memory brings: the same training steps with and without it, in turns."""

import subprocess
import sys
from statistics import median

ROUNDS = 3
STEPS = """
import os, sys, time
os.environ["OMP_WAIT_POLICY"] = "passive"
if sys.argv[1] == "keep":
    from stages.model.allocator import keep_freed_memory
    keep_freed_memory()
import torch
from transformers import LlamaConfig, LlamaForCausalLM
torch.set_num_threads(1)
torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(vocab_size=2048, hidden_size=256, intermediate_size=512, num_hidden_layers=4,
    num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True))
optimizer = torch.optim.AdamW(model.parameters())
ids = torch.randint(0, 2048, (8, 64))
for step in range(25):
    if step == 5:
        start = time.perf_counter()
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    optimizer.zero_grad()
print(time.perf_counter() - start)
"""


def seconds(memory: str) -> float:
    done = subprocess.run([sys.executable, "-c", STEPS, memory], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def test_training_is_not_slower_for_keeping_its_memory():
    ratios = [seconds("give back") / seconds("keep") for _ in range(ROUNDS)]
    print(f"\nkeeping freed memory: {median(ratios):.2f} times as fast")
    assert median(ratios) > 0.95
