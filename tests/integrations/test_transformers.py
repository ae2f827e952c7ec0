"""The callback for the Trainer of transformers, against the library, with a tiny model."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support import optional

from embedlens import InputError, open_run
from embedlens.integrations import TrainerEmbeddingCallback
from embedlens.integrations.pooling import pooled_output

os.environ["HF_HUB_OFFLINE"] = "1"
transformers = optional("transformers")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def items(count, seed=0):
    """Items of tokens, of different lengths, with a column that no model takes."""
    numbers = np.random.default_rng(seed)
    return [
        {"input_ids": numbers.integers(1, 40, numbers.integers(3, 9)).tolist(), "label": row % 4, "text": "x"}
        for row in range(count)
    ]


TRAIN, TEST = items(40), items(23, seed=1)


def padded(batch):
    assert all("text" not in item for item in batch)
    longest = max(len(item["input_ids"]) for item in batch)
    ids = [item["input_ids"] + [0] * (longest - len(item["input_ids"])) for item in batch]
    tokens = torch.tensor(ids)
    labels = torch.tensor([item["label"] for item in batch])
    return {"input_ids": tokens, "attention_mask": (tokens > 0).long(), "labels": labels}


def network():
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        num_labels=4,
    )  # fmt: skip
    return transformers.BertForSequenceClassification(config)


def train(folder, callbacks, *, resume=None, data=TRAIN, **options):
    """The model after two epochs of five steps, with dropout and shuffled batches."""
    given = {
        "num_train_epochs": 2, "per_device_train_batch_size": 8, "logging_strategy": "epoch",
        "learning_rate": 0.01, "save_strategy": "no", **options,
    }  # fmt: skip
    args = transformers.TrainingArguments(
        str(folder / "trainer"), use_cpu=True, report_to=[], disable_tqdm=True, **given
    )
    trainer = transformers.Trainer(
        network(), args, train_dataset=data, eval_dataset=TEST, data_collator=padded, callbacks=callbacks
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer.model


def expected(model, data=TEST):
    """The pooled output of each item alone."""
    with torch.no_grad():
        rows = [model.eval().bert(torch.tensor([item["input_ids"]])).pooler_output[0] for item in data]
    return torch.stack(rows).numpy()


def test_each_epoch_is_recorded_with_the_metrics_and_training_does_not_notice(tmp_path):
    def embed(model, batch):
        torch.rand(3), random.random(), np.random.random()  # noqa: NPY002
        return pooled_output(model, batch)

    callback = TrainerEmbeddingCallback(
        tmp_path / "run", {"train": TRAIN, "test": TEST}, batch_size=7, embed=embed
    )
    options = {"train_sampling_strategy": "group_by_length", "eval_strategy": "epoch"}
    if not hasattr(transformers.TrainingArguments, "train_sampling_strategy"):
        options = {"group_by_length": True, "eval_strategy": "epoch"}
    model = train(tmp_path, [callback], **options, eval_on_start=True)
    plain = train(tmp_path, [], **options, eval_on_start=True)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    run = open_run(tmp_path / "run")
    assert run.epochs() == [0, 1, 2]
    np.testing.assert_array_equal(run.snapshot("test").labels, [item["label"] for item in TEST])
    for epoch, state in ((0, network()), (2, model)):
        for split, data in (("train", TRAIN), ("test", TEST)):
            stored = run.snapshot(split, epoch).embeddings
            np.testing.assert_allclose(stored, expected(state, data), atol=1e-5)
    assert [row["step"] for row in run.log] == [0, 5, 10]
    assert set(run.log[2]) == {"epoch", "step", "loss", "grad_norm", "lr", "eval_loss"}
    assert [row["loss"] is None for row in run.log] == [True, False, False]
    assert len({row["eval_loss"] for row in run.log}) == 3  # that of epoch 0 by eval_on_start


def test_each_evaluation_is_recorded_by_step(tmp_path):
    callback = TrainerEmbeddingCallback(
        tmp_path / "run", {"test": TEST}, every="evaluation", embed=lambda model, batch: model(**batch).logits
    )
    train(tmp_path, [callback], eval_strategy="steps", eval_steps=4, max_steps=8)
    run = open_run(tmp_path / "run")
    assert [(row["step"], row["trained_epochs"]) for row in run.log] == [(0, 0.0), (4, 0.8), (8, 1.6)]
    assert run.log[1]["eval_loss"] > 0
    assert run.snapshot("test").embeddings.shape == (23, 4)


def test_a_training_that_resumes_continues_the_run(tmp_path):
    def record(folder, **options):
        train(
            folder,
            [TrainerEmbeddingCallback(folder / "run", {"test": TEST})],
            num_train_epochs=3,
            save_strategy="epoch",
            **options,
        )
        return open_run(folder / "run")

    whole = record(tmp_path / "whole")
    record(tmp_path / "parts")
    with pytest.raises(InputError, match="already exists"):
        record(tmp_path / "parts")
    parts = record(tmp_path / "parts", resume=str(tmp_path / "parts" / "trainer" / "checkpoint-5"))
    assert parts.epochs() == [0, 1, 2, 3]
    assert [row["step"] for row in parts.log] == [0, 5, 10, 15]
    for epoch in range(4):
        np.testing.assert_array_equal(
            parts.snapshot("test", epoch).embeddings, whole.snapshot("test", epoch).embeddings
        )


def test_a_training_that_ends_within_an_epoch_is_recorded_there(tmp_path):
    options = {"save_strategy": "steps", "save_steps": 7}
    callback = TrainerEmbeddingCallback(tmp_path / "run", {"test": TEST})
    train(tmp_path, [callback], max_steps=7, **options)
    assert [row["step"] for row in open_run(tmp_path / "run").log] == [0, 5, 7]
    checkpoint = str(tmp_path / "trainer" / "checkpoint-7")
    train(tmp_path, [callback], max_steps=10, resume=checkpoint, **options)
    run = open_run(tmp_path / "run")
    assert run.epochs() == [0, 1, 2]
    assert [row["step"] for row in run.log] == [0, 5, 10]


def test_a_batch_size_that_is_too_large_begins_again(tmp_path):
    class TooLarge(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **others):
            if state.train_batch_size == 8 and state.global_step == 6:
                message = "CUDA out of memory."
                raise RuntimeError(message)

    callback = TrainerEmbeddingCallback(tmp_path / "run", {"test": TEST})
    train(tmp_path, [callback, TooLarge()], auto_find_batch_size=True)
    log = open_run(tmp_path / "run").log
    assert [row["epoch"] for row in log] == [0, 1, 2]
    assert log[1]["step"] > 5


def test_a_data_set_of_hugging_face_has_columns_and_names_of_classes(tmp_path):
    datasets = optional("datasets")
    features = datasets.Features(
        {
            "input_ids": datasets.List(datasets.Value("int64")),
            "label": datasets.ClassLabel(names=["ant", "bee", "cat", "dog"]),
            "text": datasets.Value("string"),
        }
    )
    data = datasets.Dataset.from_list(TRAIN, features=features)
    train(tmp_path, [TrainerEmbeddingCallback(tmp_path / "run", {"train": data})], data=data)
    run = open_run(tmp_path / "run")
    assert run.class_names == {0: "ant", 1: "bee", 2: "cat", 3: "dog"}
    np.testing.assert_allclose(run.snapshot("train", 0).embeddings, expected(network(), TRAIN), atol=1e-5)


def test_what_the_default_takes_as_embeddings():
    batch = padded([{"input_ids": item["input_ids"], "label": 0} for item in TEST[:5]])
    model = network().eval()
    torch.testing.assert_close(pooled_output(model, batch), torch.tensor(expected(model, TEST[:5])))
    inner = transformers.BertModel(model.config, add_pooling_layer=False).eval()
    hidden = inner(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    for row, item in enumerate(TEST[:5]):
        mean = hidden[row, : len(item["input_ids"])].mean(0)
        torch.testing.assert_close(pooled_output(inner, batch)[row], mean)
    assert pooled_output(lambda input_ids: input_ids, {"input_ids": torch.eye(3)}).shape == (3, 3)
    needs_labels = lambda input_ids, labels: {"embeddings": input_ids + labels[:, None]}  # noqa: E731
    got = pooled_output(needs_labels, {"input_ids": torch.eye(3), "labels": torch.arange(3)})
    torch.testing.assert_close(got, torch.eye(3) + torch.arange(3)[:, None])
    with pytest.raises(InputError, match=r"the output of function \(logits\) has no embeddings; give embed="):
        pooled_output(lambda input_ids: {"logits": input_ids}, {"input_ids": torch.eye(3)})
    with pytest.raises(InputError, match="a batch is of type list; give embed="):
        pooled_output(model, [batch])


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (TEST, {"every": "step"}, "unknown every 'step'; choose one of: epoch, evaluation"),
        (TEST, {"evry": "epoch"}, "unknown argument 'evry'; did you mean 'every'"),
        (TEST, {"labels": {"tset": [1]}}, "split 't(set|est)' stands in one of datasets and labels"),
        (
            (["a"], [1]),
            {},
            r"split 'test' is a tuple; give a data set, and labels=\{'test': ",
        ),
        (iter(TEST), {}, "the data set of split 'test' has no length"),
        (
            [{"input_ids": [1]}],
            {},
            r"the items of split 'test' have no label; give labels=\{'test': \[...\]\}",
        ),
    ],
)
def test_what_is_refused(tmp_path, data, options, message):
    with pytest.raises(InputError, match=message):
        TrainerEmbeddingCallback(tmp_path / "run", {"test": data}, **options)


def test_data_sets_without_split_and_a_trainer_that_does_not_evaluate_are_refused(tmp_path):
    with pytest.raises(InputError, match="datasets is a list; give a data set for each split"):
        TrainerEmbeddingCallback(tmp_path / "run", TEST)
    callback = TrainerEmbeddingCallback(tmp_path / "run", {"test": TEST}, every="evaluation")
    with pytest.raises(InputError, match="every is 'evaluation', and the Trainer does not evaluate"):
        train(tmp_path, [callback])


def record_alone(folder):
    """What each of several processes runs, and one alone."""
    train(Path(folder), [TrainerEmbeddingCallback(Path(folder) / "run", {"test": TEST}, batch_size=4)])


def test_two_processes_record_the_bytes_of_one(tmp_path):
    record_alone(tmp_path / "one")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, __file__, str(tmp_path / "two")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one, two = (open_run(tmp_path / name / "run") for name in ("one", "two"))
    assert two.epochs() == [0, 1, 2]
    assert [row["step"] for row in two.log] == [0, 3, 6]
    first = "run/splits/test/epoch-0000.npy"
    assert (tmp_path / "one" / first).read_bytes() == (tmp_path / "two" / first).read_bytes()
    assert one.snapshot("test", 2).embeddings.shape == two.snapshot("test", 2).embeddings.shape
    assert not list((tmp_path / "two" / "run").glob(".epoch*"))


if __name__ == "__main__":
    record_alone(sys.argv[1])
