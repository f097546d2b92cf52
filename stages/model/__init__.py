"""What a lamp model is: chat template, tokenizer, training, determinism, GGUF."""
