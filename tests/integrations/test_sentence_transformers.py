"""The evaluator for sentence-transformers, against the library, with a tiny model of static embeddings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support import optional

from embedlens import InputError, open_run
from embedlens.integrations import EmbeddingEvaluator, TrainerEmbeddingCallback

os.environ["HF_HUB_OFFLINE"] = "1"
library = optional("sentence_transformers")
datasets = optional("datasets")
tokenizers = optional("tokenizers")
losses, models, evaluation = (
    optional(f"sentence_transformers.{name}") for name in ("losses", "models", "evaluation")
)
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

WORDS = [f"w{number}" for number in range(40)]
LABELS = [row % 4 for row in range(40)]
TEXTS = [
    " ".join(WORDS[10 * label + (7 * row + place) % 10] for place in range(2 + row % 3))
    for row, label in enumerate(LABELS)
]


def _draw():
    torch.rand(3)


def network():
    torch.manual_seed(0)
    words = {word: number for number, word in enumerate(["[UNK]", *WORDS])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    static = models.StaticEmbedding(tokenizer, embedding_dim=8)
    dropout = models.Dropout(0.2)
    dropout.register_forward_hook(lambda *_: _draw())  # also where it embeds
    return library.SentenceTransformer(modules=[static, dropout], device="cpu")


def trainer(folder, evaluator, **options):
    given = {
        "num_train_epochs": 2, "per_device_train_batch_size": 8, "eval_strategy": "steps", "eval_steps": 3,
        "save_strategy": "no", "learning_rate": 0.01, **options,
    }  # fmt: skip
    model = network()
    return library.SentenceTransformerTrainer(
        model,
        library.SentenceTransformerTrainingArguments(
            str(folder / "trainer"), use_cpu=True, report_to=[], disable_tqdm=True, **given
        ),
        train_dataset=datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS}),
        loss=losses.BatchAllTripletLoss(model),
        evaluator=evaluator,
    )


def evaluator(folder, **options):
    return EmbeddingEvaluator(folder / "run", {"test": (TEXTS, LABELS)}, **options)


class Nothing(evaluation.SentenceEvaluator):
    """The trainer's own evaluation draws a random number, so a training without any is another one."""

    def __call__(self, model, *_given, **_options):
        return 0.0


def steps(folder):
    return [(row["step"], row["trained_epochs"]) for row in open_run(folder / "run").log]


def test_every_evaluation_is_recorded_by_step_and_training_does_not_notice(tmp_path):
    inner = evaluator(tmp_path, class_names=list("abcd"), method={"loss": "triplet"})
    recorded = trainer(tmp_path, inner, eval_on_start=True)
    recorded.train()
    plain = trainer(tmp_path, Nothing(), eval_on_start=True)
    plain.train()
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, recorded.model.state_dict()[name]), name
    assert steps(tmp_path) == [(0, 0.0), (3, 0.6), (6, 1.2), (9, 1.8), (10, 2.0)]
    run = open_run(tmp_path / "run")
    assert run.class_names == dict(enumerate("abcd"))
    np.testing.assert_array_equal(run.snapshot("test").labels, LABELS)
    for number, model in ((0, network()), (4, recorded.model)):
        stored = run.snapshot("test", number).embeddings
        np.testing.assert_allclose(stored, model.encode(TEXTS), atol=1e-6)
    scores = [row["eval_embedlens_snapshot"] for row in recorded.state.log_history[:1]]
    assert scores == [0.0]
    recorded.evaluate()  # of a step that is recorded
    assert len(steps(tmp_path)) == 5


def test_it_stands_among_other_evaluators_which_decide(tmp_path):
    other = evaluation.EmbeddingSimilarityEvaluator(TEXTS[:9], TEXTS[9:18], np.linspace(0, 1, 9).tolist())
    both = evaluation.SequentialEvaluator([evaluator(tmp_path), other])
    options = {
        "eval_strategy": "epoch", "save_strategy": "epoch", "load_best_model_at_end": True,
        "metric_for_best_model": "eval_sequential_score",
    }  # fmt: skip
    ended = trainer(tmp_path, both, **options)
    ended.train()
    assert steps(tmp_path) == [(5, 1.0), (10, 2.0)]
    rows = [row for row in ended.state.log_history if "eval_sequential_score" in row]
    assert [row["eval_embedlens_snapshot"] for row in rows] == [0.0, 1.0]
    assert [row["eval_sequential_score"] for row in rows] == [row["eval_spearman_cosine"] for row in rows]


def test_it_alone_counts_the_latest_as_the_best(tmp_path):
    options = {"eval_strategy": "epoch", "save_strategy": "epoch", "load_best_model_at_end": True}
    ended = trainer(tmp_path, evaluator(tmp_path), metric_for_best_model="eval_embedlens_snapshot", **options)
    ended.train()
    assert ended.state.best_model_checkpoint.endswith("checkpoint-10")


def test_a_call_by_hand_records_the_state_before_training_alone(tmp_path):
    inner, model = evaluator(tmp_path), network()
    assert isinstance(inner, evaluation.SentenceEvaluator)
    assert inner(model) == inner(model) == {"embedlens_snapshot": 0.0}
    assert model.training
    trainer(tmp_path, inner, eval_strategy="epoch").train()
    assert inner(model) == {"embedlens_snapshot": 2.0}
    assert steps(tmp_path) == [(0, 0.0), (5, 1.0), (10, 2.0)]
    with pytest.raises(InputError, match="epoch 1 comes without steps"):
        inner(model, epoch=1)
    with pytest.raises(InputError, match="step 3 is before step 10"):
        inner(model, epoch=0.5, steps=3)


def test_a_training_that_resumes_replaces_what_comes_again(tmp_path):
    options = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "epoch", "eval_on_start": True}
    trainer(tmp_path, evaluator(tmp_path), **options).train()
    before = open_run(tmp_path / "run")
    kept = [before.snapshot("test", number).embeddings.copy() for number in before.epochs()]
    with pytest.raises(InputError, match="already exists"):
        evaluator(tmp_path)
    again = evaluator(tmp_path, resume=True)
    again(network())  # by hand: nothing, since the run has snapshots
    trainer(tmp_path, again, **options).train(resume_from_checkpoint=str(tmp_path / "trainer/checkpoint-5"))
    assert [step for step, _ in steps(tmp_path)] == [0, 2, 4, 5, 6, 8, 10]
    after = open_run(tmp_path / "run")
    for number, step in ((2, 4), (4, 6), (6, 10)):
        np.testing.assert_array_equal(after.snapshot("test", number).embeddings, kept[step // 2])


def test_arguments_of_encode_and_texts_without_labels(tmp_path):
    inner = evaluator(tmp_path, encode={"truncate_dim": 4, "normalize_embeddings": True}, batch_size=7)
    inner(network())
    stored = open_run(tmp_path / "run").snapshot("test").embeddings
    assert stored.shape == (40, 4)
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1, atol=1e-6)
    with pytest.raises(InputError, match="split 'test': 40 texts and 39 labels"):
        EmbeddingEvaluator(tmp_path / "other", {"test": (TEXTS, LABELS[1:])})


def test_the_callback_of_the_trainer_records_texts_with_the_loss(tmp_path):
    callback = TrainerEmbeddingCallback(
        tmp_path / "run",
        {"test": TEXTS},
        labels={"test": LABELS},
        collate=list,
        embed=lambda model, batch: model.encode(batch, convert_to_tensor=True),
    )
    ended = trainer(tmp_path, None, eval_strategy="no", logging_strategy="epoch")
    ended.add_callback(callback)
    ended.train()
    run = open_run(tmp_path / "run")
    assert [row["step"] for row in run.log] == [0, 5, 10]
    assert all(row["loss"] > 0 for row in run.log[1:])
    np.testing.assert_allclose(run.snapshot("test").embeddings, ended.model.encode(TEXTS), atol=1e-6)


def test_of_two_processes_one_writes(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, __file__, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert steps(tmp_path) == [(0, 0.0), (2, 1.0), (4, 2.0)]
    stored = open_run(tmp_path / "run").snapshot("test", 0).embeddings
    np.testing.assert_allclose(stored, network().encode(TEXTS), atol=1e-6)


if __name__ == "__main__":
    where = Path(sys.argv[1])
    trainer(where, evaluator(where), eval_strategy="epoch", eval_on_start=True).train()
