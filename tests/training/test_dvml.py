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
from embedlens.objectives import LOSSES, build_loss
from embedlens.training.backbones.base import Backbone
from embedlens.training.checkpoint import resumed_config
from embedlens.training.config import TrainConfig
from embedlens.training.loop import TrainingLoop
from embedlens.training.methods import MethodInputs, build_method, dvml
from embedlens.training.methods.dvml import WEIGHTS, central, phase_weights
from embedlens.training.methods.variational import Decoder, divergence, gradient_fractions, sampled

DIM, WIDTH, SAMPLES = 3, 6, 4
CONFIG = TrainConfig(
    data="digits", loss="triplet", mining="all", method="dvml", dim=DIM, epochs=4, threads=1,
    classes_per_batch=5, items_per_class=8,
)  # fmt: skip


def made(*, pretrained=False, loss="triplet", mining="all", **options):
    """The method on features of a linear layer."""
    torch.manual_seed(0)
    backbone = Backbone(torch.nn.Linear(4, WIDTH), WIDTH, {}, pretrained=pretrained)
    config = replace(CONFIG, loss=loss, mining=mining, method_options={"samples": SAMPLES, **options})
    return build_method(MethodInputs(config, backbone, np.repeat(np.arange(4), 8)))


@pytest.fixture
def method():
    return made()


@pytest.fixture
def batch():
    torch.manual_seed(5)
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
    z = sampled(mu, log_variance, 200_000)
    assert z.shape == (200_000, 1, 3)
    deviation = torch.exp(0.5 * log_variance)
    assert ((z.mean(dim=0) - mu).abs() < 5 * deviation / 200_000**0.5).all()
    torch.testing.assert_close(z.var(dim=0), deviation**2, rtol=0.02, atol=0)
    z.sum().backward()
    torch.testing.assert_close(mu.grad, torch.full((1, 3), 200_000.0))
    assert (log_variance.grad != 0).all()


@pytest.mark.parametrize("width", [5, 700])
def test_the_reconstruction_is_the_mean_of_the_squared_distances_of_all_samples(width):
    torch.manual_seed(4)
    decoder, x = Decoder(DIM, width).double(), 3 * torch.randn(6, width, dtype=torch.float64)
    z = torch.randn(SAMPLES, 6, DIM, dtype=torch.float64, requires_grad=True)
    terms = []
    for t in range(SAMPLES):
        for item in range(6):
            decoded = decoder.last(torch.tanh(decoder.hidden(z[t, item])))
            terms.append(sum((decoded[k] - x[item, k]) ** 2 for k in range(width)))
    wanted, found = sum(terms) / len(terms), decoder.reconstruction(z, x)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-12)
    for of in (z, *decoder.parameters()):
        gradients = [torch.autograd.grad(value, of, retain_graph=True)[0] for value in (found, wanted)]
        torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(decoder(z[0]), decoder.last(torch.tanh(decoder.hidden(z[0]))))


def losses(method, batch, epoch):
    """The loss, its log, and the four terms by plain loops from the same draw."""
    inputs, labels = batch
    method.begin(epoch, None)
    outputs = method.network(inputs)
    torch.manual_seed(3)
    loss, logs = method.loss(outputs, labels, None)
    torch.manual_seed(3)
    z, mu, log_variance, x = (part.detach() for part in outputs.split([DIM, DIM, DIM, WIDTH], dim=1))
    whole = z + mu + torch.exp(log_variance / 2) * torch.randn(SAMPLES, *mu.shape)
    decoded = [[method.objective.decoder(whole[t, i]) for i in range(len(z))] for t in range(SAMPLES)]
    distances = [(decoded[t][i] - x[i]).square().sum() for t in range(SAMPLES) for i in range(len(z))]
    kl = [0.5 * (m**2 + v.exp() - 1 - v).sum() for m, v in zip(mu, log_variance, strict=True)]
    parts = {
        "kl": sum(kl) / len(kl),
        "reconstruction": sum(distances) / len(distances),
        "synthesised": summed_triplets(whole[0], labels),
        "invariant": summed_triplets(z, labels),
    }
    return loss, logs, {name: torch.as_tensor(part).item() for name, part in parts.items()}, x


def triplet_terms(z, labels):
    """The terms of the triplet loss over all triplets of a batch."""
    z, n = functional.normalize(z, dim=1), range(len(z))
    triplets = [(a, p, q) for a in n for p in n for q in n if a != p and labels[a] == labels[p] != labels[q]]
    return [max(0.0, float((z[a] - z[p]).norm() - (z[a] - z[q]).norm()) + 0.2) for a, p, q in triplets]


def summed_triplets(z, labels):
    return sum(triplet_terms(z, labels))


@pytest.mark.parametrize(("epoch", "phase"), [(1, 0), (2, 0), (3, 1), (4, 1)])
def test_four_losses_weighed_by_phase(batch, epoch, phase):
    loss, logs, wanted, _ = losses(made(relative_reconstruction=False), batch, epoch)
    for name, value in wanted.items():
        assert logs[name] == pytest.approx(value, rel=1e-4), name
    published = ({"kl": 1, "reconstruction": 1, "synthesised": 0.1, "invariant": 1},
                 {"kl": 0.8, "reconstruction": 1, "synthesised": 0.2, "invariant": 0.8})  # fmt: skip
    total = sum(weight * wanted[name] for name, weight in published[phase].items())
    assert loss.item() == pytest.approx(total, rel=1e-4)
    assert logs["loss"] == loss.item()


@pytest.mark.parametrize("phase", [0, 1])
@pytest.mark.parametrize("name", WEIGHTS)
def test_the_weight_of_each_loss(batch, name, phase):
    """One number for both phases, two for one each, as numbers or text; the others stay as published."""
    totals = []
    for weight in (0, 0.5, (0.5, 3), "0.5, 3", "3"):
        loss, logs, *_ = losses(made(**{f"{name}_weight": weight}), batch, (1, 4)[phase])
        totals.append(loss.item())
    wanted = [0.5, (0.5, 3)[phase], (0.5, 3)[phase], 3]
    for total, weight in zip(totals[1:], wanted, strict=True):
        assert total - totals[0] == pytest.approx(weight * logs[name], rel=1e-3)


def test_four_weights_of_0_are_refused():
    zeros = {f"{name}_weight": 0 for name in WEIGHTS}
    with pytest.raises(InputError, match="all four weights are 0 in phase 1; one of the losses needs"):
        made(**zeros)
    with pytest.raises(InputError, match="all four weights are 0 in phase 2"):
        made(**{**zeros, "kl_weight": (1, 0)})
    made(**{**zeros, "kl_weight": 1})


def test_published_weights():
    assert {name: phase_weights(name, None) for name in WEIGHTS} == {
        "kl": (1, 0.8), "reconstruction": (1, 1), "synthesised": (0.1, 0.2), "invariant": (1, 0.8)
    }  # fmt: skip


@pytest.mark.parametrize("mining", ["all", "semi-hard"])
@pytest.mark.parametrize("loss", ["triplet", "margin"])
def test_metric_losses_are_sums_or_means_over_the_triplets(batch, loss, mining):
    """The mean is over the active terms, so that the sum is the mean times their number."""
    torch.manual_seed(1)
    z, labels = torch.randn(16, DIM, requires_grad=True), batch[1]
    mean, summed = (build_loss(loss, {}, mining=mining) for _ in range(2))
    summed.summed = True
    found = []
    for one in (mean, summed):
        value, logs = one(z, labels)
        found.append((value, torch.autograd.grad(value, z)[0]))
    active = logs["nonzero_share"] * logs["mined"] * (2 if loss == "margin" else 1)
    assert active > 1
    torch.testing.assert_close(active * found[0][0], found[1][0])
    torch.testing.assert_close(active * found[0][1], found[1][1], rtol=1e-4, atol=1e-4)
    if (loss, mining) == ("triplet", "all"):
        assert found[1][0].item() == pytest.approx(summed_triplets(z.detach(), labels), rel=1e-5)


def test_a_sum_without_triplets_is_zero():
    for name in ("triplet", "margin"):
        loss = build_loss(name, {}, mining="hard")
        loss.summed = True
        value, _ = loss(torch.zeros(4, DIM, requires_grad=True), torch.zeros(4, dtype=torch.int64))
        value.backward()
        assert value.item() == 0


def test_which_metric_losses_are_sums():
    assert [name for name in LOSSES.names() if LOSSES.get(name).sums] == ["margin", "triplet"]
    summed = {
        (loss, reduction): made(loss=loss, mining=None, metric_reduction=reduction).objective.metric.summed
        for loss in ("triplet", "epshn")
        for reduction in (None, "mean")
    }
    assert [pair for pair, yes in summed.items() if yes] == [("triplet", None)]
    assert made(metric_reduction="sum").objective.metric.summed


@pytest.mark.parametrize(
    ("pretrained", "given", "relative"),
    [(False, None, True), (True, None, False), (False, False, False), (True, True, True)],
)
def test_the_reconstruction_is_relative_to_the_energy_of_features_that_are_not_pretrained(
    batch, pretrained, given, relative
):
    method = made(pretrained=pretrained, relative_reconstruction=given)
    _, logs, parts, x = losses(method, batch, 1)
    energy = sum(float(value) ** 2 for row in x for value in row) / len(x)
    wanted = parts["reconstruction"] / (energy if relative else 1)
    assert logs["reconstruction"] == pytest.approx(wanted, rel=1e-4)


def test_features_are_normalised_by_request(batch):
    inputs = batch[0]
    for asked in (False, True):
        method = made(normalize_features=asked)
        x = method.network.features(inputs)
        wanted = (x - x.mean(dim=0)) / torch.sqrt(x.var(dim=0, unbiased=False) + 1e-5) if asked else x
        outputs = method.network(inputs)
        torch.testing.assert_close(outputs[:, 3 * DIM :], wanted, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(outputs[:, : 3 * DIM], method.network.heads(wanted), rtol=1e-4, atol=1e-5)
        assert any("norm" in name for name in method.state_dict()) is asked
        made(normalize_features=asked).load_state_dict(method.state_dict())


def test_the_decoder_s_gradient_reaches_the_heads_in_the_second_phase_only(method, batch):
    for epoch, reaches in ((1, False), (3, True)):
        method.zero_grad()
        method.begin(epoch, None)
        outputs = method.network(batch[0]).detach().requires_grad_()
        torch.manual_seed(3)
        loss, logs = method.loss(outputs, batch[1], None)
        found = torch.autograd.grad(loss, outputs)[0]
        assert (logs["reconstruction_gradient_fraction"] > 0) is reaches
        assert method.objective.decoder.hidden.weight.requires_grad
        # The same without the reconstruction: what it adds to the gradient of the heads.
        without = made(reconstruction_weight=0)
        without.load_state_dict(method.state_dict())
        without.begin(epoch, None)
        torch.manual_seed(3)
        other = torch.autograd.grad(without.loss(outputs, batch[1], None)[0], outputs)[0]
        assert ((found - other).abs().max() > 1e-6).item() is reaches
        assert (found[:, 3 * DIM :] == 0).all(), "the target has no gradient"


def test_the_decoder_learns_in_both_phases(method, batch):
    for epoch in (1, 3):
        method.zero_grad()
        method.begin(epoch, None)
        method.loss(method.network(batch[0]), batch[1], None)[0].backward()
        assert all((weight.grad != 0).any() for weight in method.objective.decoder.parameters())


def test_shares_of_the_gradient_by_hand():
    z = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    terms = {
        "square": 0.5 * z.square().sum(),
        "sum": 2 * z.sum(),
        "none": torch.zeros((), requires_grad=True),
    }
    norms = [math.sqrt(1 + 4 + 9 + 16), math.sqrt(4 * 2**2), 0.0]
    assert gradient_fractions(terms, z) == pytest.approx(
        dict(zip(terms, [norm / sum(norms) for norm in norms], strict=True))
    )
    assert gradient_fractions({"none": terms["none"]}, z) == {"none": 0.0}


@pytest.mark.parametrize("epoch", [1, 3])
def test_shares_are_those_of_the_weighted_terms_on_the_three_heads(batch, epoch):
    _, logs, *_ = losses(made(), batch, epoch)
    norms = {}
    for name in WEIGHTS:
        alone = made(**{f"{other}_weight": 0 for other in WEIGHTS if other != name})
        alone.begin(epoch, None)
        outputs = alone.network(batch[0]).detach().requires_grad_()
        torch.manual_seed(3)
        alone.loss(outputs, batch[1], None)[0].backward()
        norms[name] = outputs.grad[:, : 3 * DIM].norm().item()
    shares = {name: logs[f"{name}_gradient_fraction"] for name in WEIGHTS}
    assert shares == pytest.approx(
        {name: norm / sum(norms.values()) for name, norm in norms.items()}, rel=1e-4
    )
    assert sum(shares.values()) == pytest.approx(1)


def test_shares_are_measured_at_every_tenth_step_from_the_first_of_an_epoch(method, batch, monkeypatch):
    calls = []
    monkeypatch.setattr(
        dvml, "gradient_fractions", lambda terms, _: calls.append(1) or dict.fromkeys(terms, 0.25)
    )
    seen = []
    for epoch in (1, 2):
        method.begin(epoch, None)
        for _ in range(12):
            _, logs = method.loss(method.network(batch[0]), batch[1], None)
            seen.append(logs["kl_gradient_fraction"])
    assert len(calls) == 4
    assert seen == [0.25] * 24


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
    run = train(tmp_path / "run", replace(CONFIG, method_options={"record_latent": True, "samples": 5}))
    rows = run.log[1:]
    for row in rows:
        assert all(row[name] is not None for name in WEIGHTS)
        assert sum(row[f"{name}_gradient_fraction"] for name in WEIGHTS) == pytest.approx(1)
        assert (row["reconstruction_gradient_fraction"] > 0) == (row["epoch"] > 2)
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


def test_a_checkpoint_of_the_former_layout_is_refused(tmp_path):
    train(tmp_path / "run", replace(CONFIG, epochs=1, method_options={"samples": 1}))
    file = tmp_path / "run" / "checkpoint.pt"
    state = torch.load(file, weights_only=True)
    state["network"] |= {f"network.norm.{name}": torch.ones(3) for name in ("weight", "running_mean")}
    torch.save(state, file)
    with pytest.raises(
        InputError, match=r"checkpoint.pt: the weights are of an earlier form of method 'dvml'"
    ):
        train(tmp_path / "run", resumed_config(tmp_path / "run", 2), resume=True)


def test_options_that_cannot_be(tmp_path):
    for options, message in (
        ({"first_phase": -1}, "first_phase is -1"),
        ({"samples": 0}, "samples is 0; a whole number from 1 is needed"),
        (
            {"reconstruction_weight": -1.0},
            "reconstruction_weight is '-1.0'; a number from 0 is needed, or two",
        ),
        ({"reconstruction_weight": math.nan}, "reconstruction_weight is 'nan'"),
        ({"kl_weight": "1,2,3"}, "kl_weight is '1,2,3'"),
        ({"synthesised_weight": "a"}, "synthesised_weight is 'a'"),
        ({"invariant_weight": "1,"}, "invariant_weight is '1,'"),
        ({"invariant_weight": []}, r"invariant_weight is '\[\]'"),
        ({"metric_reduction": "max"}, "unknown metric reduction 'max'; choose one of: sum, mean"),
        ({"phase": 1}, "method 'dvml' has no option 'phase'; it has first_phase, rec"),
    ):
        with pytest.raises(InputError, match=message):
            train(tmp_path / "run", replace(CONFIG, method_options=options))
    of_pairs = replace(CONFIG, loss="n-pair-mc", mining=None, items_per_class=2)
    with pytest.raises(InputError, match="'n-pair-mc' is no sum over triplets; .* losses margin, triplet"):
        train(tmp_path / "run", replace(of_pairs, method_options={"metric_reduction": "sum"}))
    assert not (tmp_path / "run").exists()
