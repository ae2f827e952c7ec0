"""Hugging Face Trainer: a callback with its own pass over data sets."""

from sklearn.datasets import load_digits
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainingArguments,
)

from embedlens.integrations import TrainerEmbeddingCallback

images, y = load_digits(return_X_y=True)  # the grey values are the tokens
items = [
    {"input_ids": image.astype(int), "labels": label}
    for image, label in zip(images, y, strict=True)
]
train, test = items[:1200], items[1200:]
config = BertConfig(
    vocab_size=17,
    hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=64,
    num_labels=10,
)
recording = TrainerEmbeddingCallback(
    "runs/transformers", {"train": train, "test": test}
)
Trainer(
    BertForSequenceClassification(config),
    TrainingArguments(
        "checkpoints",
        num_train_epochs=2,
        learning_rate=0.001,
        logging_strategy="epoch",
        eval_strategy="epoch",
    ),
    train_dataset=train,
    eval_dataset=test,
    callbacks=[recording],
).train()
