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
words = [*" ".join(topics).split(), *(f"word{n}" for n in range(40))]
labels = [row % 3 for row in range(300)]
texts = [
    " ".join(random.choices(topics[label].split() * 2 + words, k=8))
    for label in labels
]
numbers = {word: number for number, word in enumerate(words)}
tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="rain"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
embedding = modules.StaticEmbedding(tokenizer, embedding_dim=16)
model = SentenceTransformer(modules=[embedding])

trainer = SentenceTransformerTrainer(
    model,
    SentenceTransformerTrainingArguments(
        "checkpoints",
        num_train_epochs=2,
        learning_rate=0.05,
        eval_strategy="epoch",
        eval_on_start=True,
    ),
    train_dataset=Dataset.from_dict({"text": texts, "label": labels}),
    loss=losses.BatchAllTripletLoss(model),
    evaluator=EmbeddingEvaluator(
        "runs/sentence-transformers", {"train": (texts, labels)}
    ),
)
trainer.train()
