from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from training_support import finish, train

from embedlens import InputError
from embedlens.training.backbones.base import Backbone
from embedlens.training.checkpoint import resumed_config
from embedlens.training.config import TrainConfig
from embedlens.training.loop import TrainingLoop
from embedlens.training.methods import MethodInputs, build_method
from embedlens.training.methods.dvml import WEIGHTS, central, divergence, sampled

DIM, WIDTH = 3, 6
CONFIG = TrainConfig(
    data="digits", loss="triplet", mining="all", method="dvml", dim=DIM, epochs=4, threads=1,
    classes_per_batch=5, items_per_class=8,
)  # fmt: skip


@pytest.fixture
def method():
    torch.manual_seed(0)
    backbone = Backbone(torch.nn.Linear(4, WIDTH), WIDTH, {}, pretrained=False)
    return build_method(MethodInputs(CONFIG, backbone, np.repeat(np.arange(4), 8)))


@pytest.fixture
def batch():
    return torch.randn(16, 4), torch.arange(16) % 4


def test_the_divergence_is_torch_s():
    torch.manual_seed(1)
    mu, log_variance = torch.randn(7, DIM), torch.randn(7, DIM)
    own = torch.distributions.Normal(mu, torch.exp(0.5 * log_variance))
    reference = torch.distributions.kl_divergence(own, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(divergence(mu, log_variance), reference.sum(dim=1).mean())


def test_samples_have_the_mean_and_variance_they_are_drawn_with():
    torch.manual_seed(2)
    mu = torch.tensor([[-1.0, 0.0, 4.0]], requires_grad=True)
    log_variance = torch.tensor([[0.0, 2.0, -3.0]], requires_grad=True)
    z = sampled(mu.expand(200_000, -1), log_variance.expand(200_000, -1))
    deviation = torch.exp(0.5 * log_variance[0])
    assert ((z.mean(dim=0) - mu[0]).abs() < 5 * deviation / 200_000**0.5).all()
    torch.testing.assert_close(z.var(dim=0), deviation**2, rtol=0.02, atol=0)
    z.sum().backward()
    torch.testing.assert_close(mu.grad, torch.full((1, 3), 200_000.0))
    assert (log_variance.grad != 0).all()


def losses(method, batch, epoch):
    """The four losses by hand, from the same draw."""
    inputs, labels = batch
    method.begin(epoch, None)
    outputs = method.network(inputs)
    torch.manual_seed(3)
    loss, logs = method.loss(outputs, labels, None)
    torch.manual_seed(3)
    z, mu, log_variance, x = outputs.split([DIM, DIM, DIM, WIDTH], dim=1)
    whole = z + mu + torch.exp(log_variance / 2) * torch.randn_like(mu)
    return loss, logs, (z, whole, x)


@pytest.mark.parametrize(("epoch", "phase"), [(1, 0), (2, 0), (3, 1), (4, 1)])
def test_four_losses_weighed_by_phase(method, batch, epoch, phase):
    loss, logs, (z, whole, x) = losses(method, batch, epoch)
    decoded = method.objective.decoder(whole)
    wanted = {
        "reconstruction": 0.5 * (decoded - x).square().sum(dim=1).mean(),
        "synthesised": method.objective.metric(whole, batch[1])[0],
        "invariant": method.objective.metric(z, batch[1])[0],
    }
    for name, value in wanted.items():
        assert logs[name] == pytest.approx(value.item(), rel=1e-5)
    total = sum(WEIGHTS[phase][name] * logs[name] for name in WEIGHTS[phase])
    assert loss.item() == pytest.approx(total, rel=1e-5)
    assert logs["loss"] == loss.item()


@pytest.mark.parametrize("epoch", [1, 4])
def test_the_weight_of_the_reconstruction(batch, epoch):
    totals = []
    for weight in (1.0, 0.25, 0.0):
        torch.manual_seed(0)
        backbone = Backbone(torch.nn.Linear(4, WIDTH), WIDTH, {}, pretrained=False)
        config = replace(CONFIG, method_options={"reconstruction_weight": weight})
        method = build_method(MethodInputs(config, backbone, np.repeat(np.arange(4), 8)))
        loss, logs, _ = losses(method, batch, epoch)
        totals.append(loss.item())
    assert totals[0] - totals[2] == pytest.approx(logs["reconstruction"], rel=1e-5)
    assert totals[1] - totals[2] == pytest.approx(0.25 * logs["reconstruction"], rel=1e-5)


def test_the_decoder_s_gradient_reaches_the_encoder_in_the_second_phase_only(method, batch):
    inputs, _ = batch
    for epoch, reaches in ((1, False), (3, True)):
        method.zero_grad()
        method.begin(epoch, None)
        outputs = method.network(inputs)
        parts = method._parts(outputs)
        z = parts[0] + sampled(parts[1], parts[2])
        # What the method hands to its decoder, and what then comes back to the encoder.
        seen = []
        handle = method.objective.decoder.register_forward_pre_hook(
            lambda _, given, seen=seen: seen.append(given[0])
        )
        method.loss(outputs, batch[1], None)
        handle.remove()
        assert seen[0].shape == z.shape
        assert seen[0].requires_grad is reaches


def test_the_target_of_the_reconstruction_has_no_gradient(method, batch):
    method.begin(1, None)
    outputs = method.network(batch[0]).detach().requires_grad_()
    loss, _ = method.loss(outputs, batch[1], None)
    loss.backward()
    assert (outputs.grad[:, 3 * DIM :] == 0).all()
    assert (outputs.grad[:, : 3 * DIM] != 0).any()


def test_the_recorded_embedding_is_the_invariant_head(method, batch):
    method.eval()
    torch.testing.assert_close(method(batch[0]), method.network(batch[0])[:, :DIM])


def test_the_penalty_on_embeddings_is_that_on_the_invariant_head(method, batch):
    z = method.embeddings(method.network(batch[0]))
    torch.testing.assert_close(z, method.network(batch[0])[:, :DIM])
    assert z.shape == (16, DIM)


def test_the_trainer_penalises_what_the_method_calls_its_embeddings(tmp_path):
    trainer = TrainingLoop(replace(CONFIG, epochs=1, embedding_l2=0.5), tmp_path / "run")
    trainer.method.embeddings = lambda outputs: torch.ones_like(outputs[:, :DIM])
    run = finish(trainer)
    assert run.log[1]["embedding_l2"] == pytest.approx(0.5 * DIM)


def test_a_run_logs_the_losses_apart_and_its_reconstruction_falls(tmp_path):
    run = train(tmp_path / "run", replace(CONFIG, method_options={"record_latent": True}))
    rows = run.log[1:]
    assert all(row[name] is not None for row in rows for name in WEIGHTS[0])
    assert rows[-1]["reconstruction"] < 0.8 * rows[0]["reconstruction"]
    for split in run.splits:
        assert run.extra_epochs(split) == dict.fromkeys(("central", "mu", "sigma"), [0, 1, 2, 3, 4])
        mu, sigma = (run.extra(split, name, 4) for name in ("mu", "sigma"))
        assert mu.shape == sigma.shape == run.snapshot(split).embeddings.shape
        assert (sigma > 0).all()
        assert functional.mse_loss(torch.tensor(mu), torch.tensor(run.snapshot(split).embeddings)) > 0
        check_central(run.extra(split, "central", 4), run.snapshot(split))


def check_central(central, snapshot):
    """The central latent space is the recorded embedding, class by class less the mean of the class."""
    assert central.dtype == np.float32
    for label in np.unique(snapshot.labels):
        of_class = snapshot.labels == label
        z = snapshot.embeddings[of_class].astype(np.float64)
        np.testing.assert_allclose(central[of_class], z - z.mean(axis=0), atol=1e-5)


def test_the_central_latent_space_by_hand():
    z = np.array([[1, 2], [5, 5], [3, 0], [-1, 7]], np.float32)
    found = central(z, np.array([4, 9, 4, 4]))
    np.testing.assert_array_equal(found, [[0, -1], [0, 0], [2, -3], [-2, 4]])


@pytest.mark.slow
def test_resumed_after_a_kill_it_ends_with_the_same_bytes(tmp_path):
    config = replace(CONFIG, epochs=2, method_options={"first_phase": 1, "record_latent": True})
    train(tmp_path / "whole", config)

    def die(progress):
        if progress.epoch == 2 and progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", config, die)
    train(tmp_path / "killed", resumed_config(tmp_path / "killed", None), resume=True)
    ends = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.npy")}
        for name in ("whole", "killed")
    ]
    assert ends[0] == ends[1]
    assert Path("splits/test/extra/mu-0002.npy") in ends[0]


def test_options_that_cannot_be(tmp_path):
    for options, message in (
        ({"first_phase": -1}, "first_phase is -1"),
        ({"reconstruction_weight": -1.0}, r"reconstruction_weight is -1.0"),
        ({"reconstruction_weight": math.nan}, "reconstruction_weight is nan"),
        ({"phase": 1}, "method 'dvml' has no option 'phase'; it has first_phase, rec"),
    ):
        with pytest.raises(InputError, match=message):
            train(tmp_path / "run", replace(CONFIG, method_options=options))
    assert not (tmp_path / "run").exists()
