"""The corpus: what a training row is, where rows come from and how a corpus is made of them."""
