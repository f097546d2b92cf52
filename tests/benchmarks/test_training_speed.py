"""Training speed: what keeping freed memory brings, and the real path against a bare loop, in turns."""

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


# An adapter as the default one, on a model as the nano base, over rows as long as the lamp's.
ADAPTER_STEPS = 60
FIRST_STEPS = 10  # not measured
TRAINING = f"""
import os, random, sys, tempfile, time
os.environ.update(OMP_WAIT_POLICY="passive", HF_HUB_OFFLINE="1", ACCELERATE_USE_CPU="true")
from stages.model import allocator
allocator.keep_freed_memory()
import torch
from pathlib import Path
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, TrainerCallback
from stages.model import packing, training
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
torch.manual_seed(0)
STEPS, FIRST, BATCH = {ADAPTER_STEPS}, {FIRST_STEPS}, 8
model = LlamaForCausalLM(LlamaConfig(vocab_size=2048, hidden_size=256, intermediate_size=512, num_hidden_layers=4,
    num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True, pad_token_id=0))
model = get_peft_model(model, LoraConfig(r=32, lora_alpha=64, target_modules="all-linear", task_type="CAUSAL_LM"))
rng = random.Random(0)
rows = []
for _ in range(STEPS * BATCH):
    length = rng.randint(30, 90)
    rows.append(dict(input_ids=[rng.randrange(3, 2048) for _ in range(length)],
        completion_mask=[0] * 15 + [1] * (length - 15)))
dataset = Dataset.from_list(rows)
marks = dict()

def bare():
    optimizer = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=5e-4, betas=(0.9, 0.95),
        weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    order = list(packing.LengthBuckets([len(row["input_ids"]) for row in rows], BATCH, 7))
    model.train()
    for step in range(STEPS):
        if step == FIRST:
            marks["start"] = time.perf_counter()
        batch = [rows[number] for number in order[step * BATCH : (step + 1) * BATCH]]
        longest = max(len(row["input_ids"]) for row in batch)
        ids = torch.zeros(BATCH, longest, dtype=torch.long)
        labels = torch.full((BATCH, longest), -100)
        mask = torch.zeros(BATCH, longest, dtype=torch.long)
        for number, row in enumerate(batch):
            tokens = torch.tensor(row["input_ids"])
            ids[number, : len(tokens)] = tokens
            mask[number, : len(tokens)] = 1
            learnt = torch.tensor(row["completion_mask"]).bool()
            labels[number, : len(tokens)] = tokens.where(learnt, -100)
        model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return time.perf_counter() - marks["start"]

class Marks(TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == FIRST:
            marks["start"] = time.perf_counter()
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == STEPS:
            marks["end"] = time.perf_counter()

def real():
    from transformers import PreTrainedTokenizerFast
    from tokenizers import Tokenizer, models
    words = {{"p": 0, "u": 1, "e": 2}}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="u")),
        pad_token="p", eos_token="e", unk_token="u")
    schedule = training.Schedule(epochs=1, batch_size=BATCH, learning_rate=5e-4, warmup_share=0.05, weight_decay=0.0,
        save_steps=1000, seed=7, context=1024, precision="fp32")
    with tempfile.TemporaryDirectory() as folder:
        training.train(model, tokenizer, dataset, dataset.select(range(8)), schedule, Path(folder), [Marks()])
    return marks["end"] - marks["start"]

print(real() if sys.argv[1] == "real" else bare())
"""


def training_seconds(path: str) -> float:
    done = subprocess.run([sys.executable, "-c", TRAINING, path], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def test_the_real_path_trains_nearly_as_fast_as_a_bare_loop():
    ratios = [training_seconds("bare") / training_seconds("real") for _ in range(ROUNDS)]
    print(f"\nthe real path: {median(ratios):.2f} of the speed of a bare loop")
    assert median(ratios) > 0.9
