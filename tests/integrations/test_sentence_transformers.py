"""The evaluator for sentence-transformers, against the library, with a tiny model of static embeddings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from support import optional

from embedlens import InputError, open_run
from embedlens.errors import InputWarning
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


def trainer(folder, evaluator, callbacks=(), **options):
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
        callbacks=list(callbacks),
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
    trained = trainer(tmp_path, inner, eval_strategy="epoch")
    trained.train()
    assert trained.model.evaluate(inner) == {"embedlens_snapshot": 2.0}
    assert inner(model) == {"embedlens_snapshot": 0.0}  # that of its weights, which are still the first ones
    assert steps(tmp_path) == [(0, 0.0), (5, 1.0), (10, 2.0)]
    with pytest.raises(InputError, match="epoch 1 comes without steps"):
        inner(model, epoch=1)
    with pytest.raises(InputError, match="step 3 is before step 10"):
        inner(model, epoch=0.5, steps=3)


def changed(model):
    with torch.no_grad():
        next(model.parameters()).mul_(1.5)
    return model


def test_weights_without_a_snapshot_are_not_passed_over_in_silence(tmp_path):
    inner, model = evaluator(tmp_path), network()
    inner(model)
    with pytest.raises(InputError, match=r"weights are not those of snapshot 0; call with steps=N"):
        changed(model).evaluate(inner)
    assert inner(model, epoch=0, steps=7) == {"embedlens_snapshot": 1.0}  # a loop of one's own
    np.testing.assert_allclose(
        open_run(tmp_path / "run").snapshot("test", 1).embeddings, model.encode(TEXTS), atol=1e-6
    )
    with pytest.raises(InputError, match="step 7 is recorded already, of weights other than these; one eval"):
        inner(changed(model), epoch=0, steps=7)
    with pytest.raises(InputError, match="epoch 0 comes without steps; give steps=N, the optimiser steps"):
        inner(model, epoch=0)


def test_the_best_model_has_the_number_of_its_own_snapshot(tmp_path):
    class Falling(Nothing):
        def __call__(self, model, output_path=None, epoch=-1, steps=-1):
            return float(-steps)

    both = evaluation.SequentialEvaluator([evaluator(tmp_path), Falling()])
    ended = trainer(
        tmp_path, both, eval_strategy="epoch", save_strategy="epoch", load_best_model_at_end=True,
        metric_for_best_model="sequential_score",
    )  # fmt: skip
    ended.train()
    assert ended.state.best_global_step == 5
    assert ended.evaluate()["eval_embedlens_snapshot"] == 0.0
    assert open_run(tmp_path / "run").log[0]["step"] == 5


def test_one_evaluator_records_one_training(tmp_path):
    inner = evaluator(tmp_path)
    options = {"eval_strategy": "epoch", "eval_on_start": True}
    trainer(tmp_path, inner, **options).train()
    advice = "records one training at one path; make a new evaluator for another path, or with resume=True"
    with pytest.raises(InputError, match=f"step 0 is recorded already as epoch 0; one .* {advice}"):
        trainer(tmp_path, inner, **options).train()
    with pytest.raises(InputError, match=f"step 5 is recorded already as epoch 1; one .* {advice}"):
        trainer(tmp_path, inner, eval_strategy="epoch").train()


def test_a_run_that_another_training_continues_is_warned_of(tmp_path):
    trainer(tmp_path, evaluator(tmp_path), eval_steps=4, eval_on_start=True).train()
    again = evaluator(tmp_path, resume=True)
    with pytest.warns(InputWarning, match="the run has snapshot 3 already, nothing is recorded"):
        again(network())
    text = (
        r"run continues at step 5 after 2 earlier snapshots, 2 of later steps discarded; a training from the "
        "beginning, not from a checkpoint, needs another path"
    )
    with pytest.warns(InputWarning, match=text):
        trainer(tmp_path, again, eval_strategy="epoch").train()
    assert [step for step, _ in steps(tmp_path)] == [0, 4, 5, 10]
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)  # from the first step on, nothing is mixed
        third = evaluator(tmp_path, resume=True)
        third(network(), epoch=0, steps=0)
    assert steps(tmp_path) == [(0, 0.0)]


def test_texts_are_items_and_model_and_loss_are_named(tmp_path):
    inner = evaluator(tmp_path)
    trainer(tmp_path, inner, num_train_epochs=1, eval_on_start=True).train()
    run = open_run(tmp_path / "run")
    assert run.items("test") == {"text": TEXTS}
    assert run.method == {"loss": "BatchAllTripletLoss"}
    other = [text.upper() for text in TEXTS]
    with pytest.raises(InputError, match="was recorded for other items or labels"):
        EmbeddingEvaluator(tmp_path / "run", {"test": (other, LABELS)}, resume=True)
    options = {"items": {"test": {"id": list(range(40))}}, "method": {"seed": 1}}
    evaluator(tmp_path / "own", **options)(network())
    assert list(open_run(tmp_path / "own/run").items("test")) == ["id"]
    assert open_run(tmp_path / "own/run").method == {"seed": 1}
    long = EmbeddingEvaluator(tmp_path / "long", {"test": (["w1 " * 5000] * 2, [0, 1])})
    long(network())
    assert [len(text) for text in open_run(tmp_path / "long").items("test")["text"]] == [1000, 1000]


def test_queries_and_documents_have_arguments_of_encode_of_their_own(tmp_path):
    model = network()
    model.prompts = {"query": "w1 w2 "}
    pairs = list(range(20))
    inner = EmbeddingEvaluator(
        tmp_path / "run",
        {"query": (TEXTS[:20], pairs), "document": (TEXTS[20:], pairs)},
        query_gallery={"query": "document"},
        encode={"query": {"prompt_name": "query"}},
    )
    inner(model)
    run = open_run(tmp_path / "run")
    assert dict(run.info.query_gallery) == {"query": "document"}
    queries, documents = (run.snapshot(split).embeddings for split in ("query", "document"))
    np.testing.assert_allclose(queries, model.encode(TEXTS[:20], prompt_name="query"), atol=1e-6)
    assert not np.allclose(queries, model.encode(TEXTS[:20]))
    np.testing.assert_allclose(documents, model.encode(TEXTS[20:]), atol=1e-6)


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ((LABELS, TEXTS), {}, r"split 'test': texts are numbers; give \(texts, labels\), in this order"),
        ((TEXTS, LABELS), {"labels": {"test": LABELS}}, "labels are given beside the inputs; give"),
        ((TEXTS, LABELS), {"encode": {"precision": "int8"}}, "encode has precision 'int8'; embeddings are"),
        (
            datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS}),
            {},
            r"""split 'test' is a data set d; give its columns, e.g. \(d\["text"\], d\["label"\]\)""",
        ),
    ],
)
def test_what_is_refused_when_an_evaluator_is_made(tmp_path, texts, options, message):
    with pytest.raises(InputError, match=message):
        EmbeddingEvaluator(tmp_path / "run", {"test": texts}, **options)
    assert not (tmp_path / "run").exists()


def test_columns_of_a_data_set_are_texts_and_labels(tmp_path):
    data = datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS})
    EmbeddingEvaluator(tmp_path / "run", {"test": (data["text"], data["label"])})(network())
    assert open_run(tmp_path / "run").items("test") == {"text": TEXTS}


def test_evaluator_and_callback_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="EmbeddingEvaluator is given as a callback; give evaluator="):
        trainer(tmp_path, None, eval_strategy="no", callbacks=[evaluator(tmp_path)])
    callback = TrainerEmbeddingCallback(tmp_path / "b", {"test": TEXTS}, labels={"test": LABELS})
    with pytest.raises(
        InputError, match="TrainerEmbeddingCallback is given as an evaluator; give callbacks="
    ):
        trainer(tmp_path, callback)
    with pytest.raises(InputError, match="TrainerEmbeddingCallback is given as an evaluator"):
        trainer(tmp_path, [callback]).train()


def test_texts_need_a_collator_and_a_function(tmp_path):
    given = {"test": TEXTS}
    for options, message in (
        ({}, "the Trainer's collator does not take the items .*Error: .*; give collate=, a function"),
        (
            {"collate": lambda items: {"text": items}},
            r"Transformer does not take the batches \(TypeError: ",
        ),
    ):
        callback = TrainerEmbeddingCallback(tmp_path / "run", given, labels={"test": LABELS}, **options)
        with pytest.raises(InputError, match=message) as raised:
            trainer(tmp_path, None, eval_strategy="no", callbacks=[callback]).train()
        assert raised.value.__cause__ is not None
        callback.on_train_end(None, None, None)
        shutil.rmtree(tmp_path / "run")


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
