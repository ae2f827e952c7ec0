"""Sentence-Transformers: an evaluator that records at every evaluation."""

import random

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer import losses, modules
from tokenizers import Tokenizer, models, pre_tokenizers

from embedlens.integrations import EmbeddingEvaluator

topics = ["rain sun wind snow fog", "bread rice soup cake tea", "bus train car"]
labels = [row % 3 for row in range(300)]
texts = [" ".join(random.choices(topics[y].split(), k=4)) for y in labels]
words = {word: number for number, word in enumerate(" ".join(topics).split())}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="rain"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
embedding = modules.StaticEmbedding(tokenizer, embedding_dim=16)
model = SentenceTransformer(modules=[embedding], device="cpu")

trainer = SentenceTransformerTrainer(
    model,
    SentenceTransformerTrainingArguments(
        "checkpoints",
        num_train_epochs=2,
        eval_strategy="epoch",
        eval_on_start=True,
        use_cpu=True,
    ),
    train_dataset=Dataset.from_dict({"text": texts, "label": labels}),
    loss=losses.BatchAllTripletLoss(model),
    evaluator=EmbeddingEvaluator(
        "runs/sentence-transformers", {"train": (texts, labels)}
    ),
)
trainer.train()
