from __future__ import annotations

import builtins
import sys
from collections import OrderedDict
from dataclasses import replace

import layouts
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from training_support import finish, train
from vision import declare_operators, pretrained_weights

import embedlens
from embedlens import InputError
from embedlens.training.backbones import BACKBONES, EmbeddingNetwork, build_backbone, check_backbone
from embedlens.training.checkpoint import resumed_config
from embedlens.training.choices import NetworkChoice
from embedlens.training.config import TrainConfig
from embedlens.training.datasets import load_dataset
from embedlens.training.inputs import ArrayInputs, FileInputs
from embedlens.training.loop import TrainingLoop

declare_operators()
timm = pytest.importorskip("timm")

QUICK = "test_resnet"  # 0.4 million weights, batch norm, images of 160 pixels
RANDOM = NetworkChoice(data="csv", backbone=f"timm:{QUICK}", pretrained=False, image_size=32)
LITE = "tf_efficientnet_lite0"


def refuse(*args, **options):
    raise AssertionError("this must not be called")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return layouts.csv_list(tmp_path_factory.mktemp("birds"))


@pytest.fixture(scope="module")
def birds(root):
    return load_dataset("csv", root)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Weights are never fetched here."""
    monkeypatch.setattr(timm.models._builder, "load_pretrained", refuse)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def saved(tmp_path):
    """A file of weights of the quick network with its classifier, and the network."""
    module = made(seed=1, num_classes=10)
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.add_(0.01)
    torch.save(module.state_dict(), tmp_path / "weights.pth")
    return tmp_path / "weights.pth", module


def made(seed, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return timm.create_model(QUICK, pretrained=False, **options)


def settings(root, **changes):
    """A short run over the tiny data set."""
    told = {
        "data": "csv",
        "root": str(root),
        "epochs": 1,
        "dim": 4,
        "classes_per_batch": 3,
        "items_per_class": 2,
    }
    return TrainConfig(**{**told, **changes})


# Names and options


@pytest.mark.parametrize(
    "name", ["resnet50", "timm", "timm:", "features", "features:", "small:", "small:x", ""]
)
def test_an_unknown_backbone_is_refused_with_the_choices(name):
    with pytest.raises(InputError) as refused:
        check_backbone(NetworkChoice(backbone=name))
    told = f"unknown backbone {name!r}; choose one of: small, timm:NAME, features:FILE.npy"
    assert str(refused.value) == told


@pytest.mark.parametrize("backbone", ["small", "features:some.npy"])
@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"weights": "some.pth"}, "--weights"),
        ({"freeze_bn": True}, "--freeze-bn"),
        ({"pretrained": False}, "--no-pretrained"),
    ],
)
def test_options_of_timm_are_refused_elsewhere(backbone, change, option):
    check_backbone(NetworkChoice(backbone=backbone))
    with pytest.raises(InputError) as refused:
        check_backbone(NetworkChoice(backbone=backbone, **change))
    assert str(refused.value) == f"{option} is for timm backbones; {backbone!r} has no use for it"
    check_backbone(NetworkChoice(backbone="timm:resnet50", **change))


def test_backbones_of_one_s_own_are_listed():
    BACKBONES.register("mine")(refuse)
    try:
        check_backbone(NetworkChoice(backbone="mine"))
        with pytest.raises(InputError, match="choose one of: small, timm:NAME, features:FILE.npy, mine$"):
            check_backbone(NetworkChoice(backbone="yours"))
    finally:
        del BACKBONES._entries["mine"]


# The small network


def test_the_small_network_is_random_and_takes_files_at_one_size(birds):
    backbone = build_backbone(NetworkChoice(data="csv"), birds)
    assert not backbone.pretrained
    assert backbone.inputs["train"].pixels.shape == (12, 64, 64, 3)
    smaller = build_backbone(NetworkChoice(data="csv", image_size=24), birds)
    assert smaller.inputs["train"].pixels.shape == (12, 24, 24, 3)
    inputs = smaller.inputs["test"]
    images = inputs.prepare(inputs.read(np.arange(3), None), None)
    assert images.shape == (3, 3, 24, 24)
    assert smaller.module(images).shape == (3, smaller.width)


def test_the_small_network_takes_images_in_memory_at_another_size():
    data = load_dataset("digits")
    backbone = build_backbone(NetworkChoice(data="digits", image_size=24), data)
    inputs = backbone.inputs["test"]
    images = inputs.prepare(inputs.read(np.arange(3), None), None)
    assert images.shape == (3, 1, 24, 24)
    assert backbone.module(images).shape == (3, backbone.width)


def test_an_embedding_is_a_linear_layer_on_top():
    network = EmbeddingNetwork(nn.Flatten(), width=6, dim=2)
    batch = torch.randn(4, 2, 3)
    weight, bias = network.embedding.weight, network.embedding.bias
    torch.testing.assert_close(network(batch), batch.reshape(4, 6) @ weight.T + bias)


def staged(backbone, images):
    """Features of every depth, after the widths were compared and the last with the backbone's own."""
    stages = backbone.stages()
    backbone.module.eval()
    with torch.no_grad():
        found = stages(images)
        torch.testing.assert_close(found[-1], backbone.module(images))
    assert [tuple(one.shape) for one in found] == [(len(images), width) for width in stages.widths]
    return found


def test_the_small_network_shows_the_maps_of_its_blocks():
    backbone = build_backbone(NetworkChoice(data="glyphs"), load_dataset("glyphs"))
    inputs = backbone.inputs["test"]
    found = staged(backbone, inputs.prepare(inputs.read(np.arange(3), None), None))
    assert [one.shape[1] // 16 for one in found] == [32, 64, 128]  # 4 x 4 each
    network = backbone.module
    images = inputs.prepare(inputs.read(np.arange(3), None), None)
    with torch.no_grad():
        first = network[3](network[2](network[1](network[0](images))))
    means = first.unfold(2, 4, 4).unfold(3, 4, 4).mean(dim=(4, 5))
    torch.testing.assert_close(found[0], means.flatten(1))


# Networks of timm


@pytest.mark.parametrize("name", [QUICK, "test_vit", "test_efficientnet"])
def test_networks_of_timm_show_the_maps_of_their_stages(birds, name):
    size = {"test_vit": 160}.get(name, 64)
    backbone = build_backbone(replace(RANDOM, backbone=f"timm:{name}", image_size=size), birds)
    images = torch.randn(2, 3, size, size)
    found = staged(backbone, images)
    assert len(found) >= 3
    _, maps = backbone.module.forward_intermediates(images)
    torch.testing.assert_close(found[0], maps[0].flatten(2).mean(dim=2))
    assert staged(backbone, images)[0].shape == found[0].shape


def test_features_that_were_computed_before_have_no_depths(birds, root, tmp_path):
    np.save(tmp_path / "all.npy", np.ones((birds.size, 4), np.float32))
    choice = NetworkChoice(data="csv", backbone=f"features:{tmp_path / 'all.npy'}")
    assert build_backbone(choice, birds).stages is None


@pytest.mark.parametrize("method", ["hdc", "dreml"])
def test_a_network_of_timm_trains_under_methods_of_pieces(birds, root, tmp_path, method):
    own = {
        "hdc": {"loss": "contrastive", "dim": 6, "method_options": {"heads": 3}},
        "dreml": {"loss": "softmax", "dim": 4, "method_options": {"learners": 2, "meta_classes": 2}},
    }[method]
    config = settings(root, backbone=f"timm:{QUICK}", image_size=32, pretrained=False, method=method)
    run = train(tmp_path / "run", replace(config, **own))
    assert run.epochs() == [0, 1]
    assert run.info.slices == ([[0, 2], [2, 4], [4, 6]] if method == "hdc" else [[0, 2], [2, 4]])
    options = {"heads": 9, "hard_shares": "1" + ",1" * 8}
    deep = replace(config, method="hdc", loss="contrastive", dim=9, method_options=options)
    with pytest.raises(InputError, match="as many depths as heads, 9; backbone 'timm:.*shows 5"):
        TrainingLoop(deep, tmp_path / "deep")


def test_random_weights_are_of_the_seed_and_nothing_is_fetched(birds):
    found = []
    for seed in (0, 0, 1):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            backbone = build_backbone(RANDOM, birds)
        found.append(torch.cat([value.flatten() for value in backbone.module.parameters()]))
        assert not backbone.pretrained
        assert backbone.messages == ()
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_a_network_of_timm_has_no_classifier(birds):
    backbone = build_backbone(RANDOM, birds)
    reference = made(0, num_classes=0)
    assert backbone.module.state_dict().keys() == reference.state_dict().keys()
    assert backbone.width == reference.num_features == 96
    inputs = backbone.inputs["test"]
    assert isinstance(inputs, FileInputs)
    images = inputs.prepare(inputs.read(np.arange(2), None), None)
    assert images.shape == (2, 3, 32, 32)
    assert backbone.module(images).shape == (2, 96)


def test_images_look_as_timm_s_own_transform_makes_them(tmp_path):
    """On a smooth picture; timm scales first and cuts then, here it is the other way round."""
    y, x = np.mgrid[:300, :400]
    pixels = np.stack([x / 400, y / 300, (x + y) / 700], axis=2) * 255
    for name in ("a/0.png", "a/1.png", "b/0.png", "b/1.png", "c/0.png", "c/1.png", "d/0.png", "d/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name)
    data = load_dataset("folder", tmp_path)
    choice = NetworkChoice(data="folder", backbone="timm:test_efficientnet", pretrained=False)
    backbone = build_backbone(choice, data)
    config = timm.data.resolve_model_data_config(backbone.module)
    assert config["crop_pct"] < 1
    assert config["mean"] != config["std"]
    inputs = backbone.inputs["train"]
    ours = inputs.prepare(inputs.read(np.arange(1), None), None)[0]
    theirs = timm.data.create_transform(**config, is_training=False)(data.splits["train"].images.open(0))
    assert ours.shape == theirs.shape == (3, 160, 160)
    np.testing.assert_allclose(ours, theirs, atol=0.06)  # 3 grey levels


def test_images_in_memory_are_scaled_to_the_network():
    data = load_dataset("digits")
    backbone = build_backbone(replace(RANDOM, data="digits", image_size=None), data)
    inputs = backbone.inputs["test"]
    assert isinstance(inputs, ArrayInputs)
    images = inputs.prepare(inputs.read(np.arange(2), None), None)
    assert images.shape == (2, 3, 160, 160)
    assert torch.equal(images[:, 0], images[:, 2])  # grey, and test_resnet's mean is that of all channels
    assert images.min() >= -1
    assert images.min() < -0.9
    assert backbone.module.eval()(images).shape == (2, 96)


def test_pretrained_features_equal_those_of_another_implementation(birds):
    """EfficientNet-Lite0 by the package that its weights are published for."""
    package = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pretrained_weights()
    reference = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    choice = NetworkChoice(data="csv", backbone=f"timm:{LITE}", weights=str(weights))
    backbone = build_backbone(choice, birds)
    assert backbone.pretrained
    assert backbone.width == 1280
    assert len(backbone.messages) == 1
    assert "names its tensors differently; all 294 were taken in their order, every shape fits" in str(
        backbone.messages
    )
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = reference.extract_features(images).mean(dim=(2, 3))
        found = backbone.module.eval()(images)
    assert float(expected.std()) > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


# Weights in files


def test_weights_are_taken_by_their_names(birds, saved):
    file, reference = saved
    backbone = build_backbone(replace(RANDOM, weights=str(file)), birds)
    assert backbone.pretrained
    assert backbone.messages == ()
    expected = reference.state_dict()
    for name, value in backbone.module.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_weights_are_taken_from_a_training_s_checkpoint(birds, saved, tmp_path):
    file, reference = saved
    state = {f"module.{name}": value for name, value in reference.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "checkpoint.pth")
    found = build_backbone(replace(RANDOM, weights=str(tmp_path / "checkpoint.pth")), birds).module
    assert torch.equal(found.conv1[0].weight, reference.conv1[0].weight)


def test_weights_of_other_names_are_taken_in_their_order_with_a_remark(birds, saved, tmp_path):
    _, reference = saved
    renamed = OrderedDict((f"net.{number}", v) for number, v in enumerate(reference.state_dict().values()))
    file = tmp_path / "renamed.pth"
    torch.save(renamed, file)
    backbone = build_backbone(replace(RANDOM, weights=str(file)), birds)
    own = backbone.module.state_dict()
    assert backbone.messages == (
        f"{file} names its tensors differently; all {len(own)} were taken in their order, every shape fits",
    )
    for name, value in own.items():
        assert torch.equal(value, reference.state_dict()[name]), name


def refused_weights(birds, file):
    with pytest.raises(InputError) as refused:
        build_backbone(replace(RANDOM, weights=str(file)), birds)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_weights_of_another_network_are_refused(birds, tmp_path):
    torch.save(timm.create_model("test_efficientnet").state_dict(), tmp_path / "other.pth")
    message = refused_weights(birds, tmp_path / "other.pth")
    assert message.startswith(f"{tmp_path / 'other.pth'} does not fit the network: ")
    torch.save({"a": torch.ones(3)}, tmp_path / "one.pth")
    message = refused_weights(birds, tmp_path / "one.pth")
    assert "does not fit the network: " in message
    assert message.endswith("; the file has (3,)")


def test_weights_of_other_shapes_are_refused(birds, saved):
    file, reference = saved
    state = reference.state_dict()
    shape = tuple(state["layer1.0.conv1.weight"].shape)
    state["layer1.0.conv1.weight"] = torch.ones(2, 2)
    torch.save(state, file)
    count = len(made(0, num_classes=0).state_dict())
    assert refused_weights(birds, file) == (
        f"{file} does not fit the network: 1 of {count} tensors, the first layer1.0.conv1.weight, which is "
        f"{shape}; the file has (2, 2)"
    )


def test_weights_of_which_some_are_missing_are_refused(birds, saved):
    file, reference = saved
    state = reference.state_dict()
    del state["layer1.0.conv1.weight"]
    torch.save(state, file)
    assert refused_weights(birds, file).endswith("; the file has nothing")


@pytest.mark.parametrize(
    "content",
    [
        {"epoch": 3, "net": {"a": torch.ones(2)}},
        {"conv1.0.weight": 3, "note": "of these names one is the network's"},
        [torch.ones(2)],
        torch.ones(2),
        {},
    ],
    ids=["nested", "numbers", "list", "tensor", "nothing"],
)
def test_what_holds_no_weights_is_refused(birds, tmp_path, content):
    torch.save(content, tmp_path / "odd.pth")
    message = refused_weights(birds, tmp_path / "odd.pth")
    assert message.startswith(f"{tmp_path / 'odd.pth'} ")


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x80\x02junk"])
def test_an_unreadable_file_of_weights_is_refused(birds, tmp_path, content):
    (tmp_path / "odd.pth").write_bytes(content)
    message = refused_weights(birds, tmp_path / "odd.pth")
    assert message.startswith(f"{tmp_path / 'odd.pth'} cannot be read as weights: ")


def test_a_truncated_file_of_weights_is_refused(birds, saved):
    layouts.truncate(saved[0])
    assert refused_weights(birds, saved[0]).startswith(f"{saved[0]} cannot be read as weights: ")


class Trap:
    """What a pickle must not be allowed to make."""

    def __reduce__(self):
        return refuse, ()


def test_a_file_of_weights_runs_no_code(birds, tmp_path):
    torch.save({"a": Trap()}, tmp_path / "trap.pth")
    assert "cannot be read as weights" in refused_weights(birds, tmp_path / "trap.pth")


def test_a_missing_file_of_weights_is_refused(birds, tmp_path):
    assert refused_weights(birds, tmp_path / "no.pth") == f"no such file of weights: {tmp_path / 'no.pth'}"


# What timm cannot do


def test_an_unknown_network_is_refused_with_those_like_it(birds):
    with pytest.raises(InputError) as refused:
        build_backbone(replace(RANDOM, backbone="timm:tf_efficientnet_lite"), birds)
    message = str(refused.value)
    assert message.startswith("unknown timm network 'tf_efficientnet_lite'; is it one of ")
    assert "tf_efficientnet_lite0" in message
    assert message.endswith("? (timm.list_models() lists all)")
    with pytest.raises(InputError, match=r"'resnet5O'; is it one of .*resnet.*"):
        build_backbone(replace(RANDOM, backbone="timm:resnet5O"), birds)
    with pytest.raises(
        InputError, match=r"^unknown timm network 'qqqqqqqq' \(timm.list_models\(\) lists all"
    ):
        build_backbone(replace(RANDOM, backbone="timm:qqqqqqqq"), birds)


def test_a_size_that_a_network_cannot_take_is_refused(birds):
    import timm

    if "test_coatnet" not in timm.list_models("test_*"):
        pytest.skip("this version of timm has no test_coatnet")
    with pytest.raises(InputError, match="^backbone 'timm:test_coatnet' cannot take images of 50 pixels: "):
        build_backbone(replace(RANDOM, backbone="timm:test_coatnet", image_size=50), birds)


def test_a_network_of_fixed_size_is_made_for_the_size_asked_for(birds):
    backbone = build_backbone(replace(RANDOM, backbone="timm:test_vit", image_size=64), birds)
    assert backbone.module(torch.zeros(1, 3, 64, 64)).shape == (1, 64)
    with pytest.raises(InputError, match=r"'timm:test_vit' cannot take images of 40 pixels: |cannot be made"):
        build_backbone(replace(RANDOM, backbone="timm:test_vit", image_size=40), birds)


def test_weights_that_cannot_be_fetched_are_told_of(birds, monkeypatch):
    def unreachable(name, **options):
        assert options["pretrained"] is True
        message = "HTTPSConnectionPool: Max retries exceeded.\nCaused by many things"
        raise OSError(message)

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(InputError) as refused:
        build_backbone(replace(RANDOM, pretrained=True), birds)
    assert str(refused.value) == (
        "weights of timm network 'test_resnet' are not available (HTTPSConnectionPool: Max retries exceeded)"
        "; give a file of them with --weights FILE, or start from random ones with --no-pretrained"
    )


def test_a_network_that_cannot_be_made_is_told_of(birds, monkeypatch):
    def broken(name, **options):
        message = "no such layer"
        raise TypeError(message)

    monkeypatch.setattr(timm, "create_model", broken)
    with pytest.raises(InputError, match="^timm network 'test_resnet' cannot be made: no such layer$"):
        build_backbone(RANDOM, birds)


def test_without_timm_the_extra_is_named(birds, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError) as refused:
        build_backbone(RANDOM, birds)
    assert str(refused.value).startswith("timm backbones need the extra vision (import of timm halted")
    assert str(refused.value).endswith("): pip install 'embedlens[vision]'")


def test_a_torchvision_that_does_not_fit_is_told_of(birds, monkeypatch):
    usual = builtins.__import__

    def broken(name, *rest):
        if name == "timm":
            message = "operator torchvision::nms does not exist"
            raise RuntimeError(message)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(InputError) as refused:
        build_backbone(RANDOM, birds)
    assert str(refused.value) == (
        f"torchvision does not fit this torch, {torch.__version__} (operator torchvision::nms does not exist)"
        "; install the builds of torch and torchvision that belong together, for CPU or CUDA"
    )


# Training timm


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_batch_norm_stays_as_it_is(birds, root, tmp_path, saved, frozen):
    config = settings(root, backbone=f"timm:{QUICK}", image_size=32, weights=str(saved[0]), lr=0.01)
    trainer = TrainingLoop(replace(config, freeze_bn=frozen), tmp_path / "run")
    module = trainer.method.network.features
    before = {name: value.clone() for name, value in module.state_dict().items()}
    finish(trainer)
    norms = {name.rsplit(".", 1)[0] for name in saved[1].state_dict() if name.endswith("running_mean")}
    of_norm = {name for name in before if name.rsplit(".", 1)[0] in norms}
    assert len(of_norm) >= 4 * len(norms) > 0
    for name, value in module.state_dict().items():
        if name in of_norm:
            assert torch.equal(value, before[name]) == frozen, name
        else:
            assert not torch.equal(value, before[name]), name
    # Frozen or not, before training the network is the same.
    reference = saved[1].eval()
    reference.reset_classifier(0)
    inputs = trainer._inputs["test"]
    images = inputs.prepare(inputs.read(np.arange(12), None), None)
    with torch.no_grad():
        expected = reference(images)
    recorded = embedlens.open_run(tmp_path / "run").pretrained("test")
    np.testing.assert_allclose(recorded, expected, rtol=1e-4, atol=1e-5)


def test_pretrained_features_are_recorded_once_and_change_nothing(birds, root, tmp_path, saved, monkeypatch):
    config = settings(root, backbone=f"timm:{QUICK}", image_size=32, weights=str(saved[0]))
    train(tmp_path / "run", config)
    with monkeypatch.context() as patched:
        patched.setattr(TrainingLoop, "_features", lambda self, network: {})
        train(tmp_path / "bare", config)
    for split in ("train", "test"):
        assert embedlens.open_run(tmp_path / "run").pretrained(split).shape == (12, 96)
        assert embedlens.open_run(tmp_path / "bare").pretrained(split) is None
        for epoch in (0, 1):
            file = f"splits/{split}/epoch-{epoch:04}.npy"
            assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "bare" / file).read_bytes()
    monkeypatch.setattr(TrainingLoop, "_features", refuse)
    path = tmp_path / "run"
    before = (path / "splits/test/pretrained.npy").read_bytes()
    train(path, resumed_config(path, 2), resume=True)
    assert (path / "splits/test/pretrained.npy").read_bytes() == before


def test_random_features_are_not_recorded(birds, root, tmp_path):
    config = settings(root, backbone=f"timm:{QUICK}", image_size=32, pretrained=False, epochs=0)
    run = train(tmp_path / "run", config)
    assert run.pretrained("test") is None


# Features


WIDTH = 5


def features_of(n, dtype=np.float32):
    return np.random.default_rng(n).normal(size=(n, WIDTH)).astype(dtype)


def read_whole(backbone, split):
    inputs = backbone.inputs[split]
    return inputs.prepare(inputs.read(np.arange(len(inputs)), None), None).numpy()


@pytest.fixture
def shuffled(tmp_path):
    """A data set without images whose splits are mixed in its own order, and one feature row an item."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.repeat(np.arange(6), 5))
    lines = ["label,split", *(f"{label},{'train' if label < 3 else 'test'}" for label in labels)]
    (tmp_path / "items.csv").write_text("\n".join(lines))
    data = load_dataset("csv", tmp_path / "items.csv")
    array = features_of(30)
    np.save(tmp_path / "all.npy", array)
    return tmp_path, data, array, labels


def of_features(text, **options):
    return NetworkChoice(data="csv", backbone=f"features:{text}", **options)


def test_features_of_all_items_stand_in_the_data_set_s_own_order(shuffled):
    folder, data, array, labels = shuffled
    backbone = build_backbone(of_features(folder / "all.npy"), data)
    assert backbone.pretrained
    assert backbone.width == WIDTH
    np.testing.assert_array_equal(read_whole(backbone, "train"), array[labels < 3])
    np.testing.assert_array_equal(read_whole(backbone, "test"), array[labels >= 3])
    batch = torch.ones(2, WIDTH)
    assert torch.equal(backbone.module(batch), batch)


def test_features_in_a_file_for_each_split(shuffled):
    folder, data, *_ = shuffled
    arrays = {split: features_of(15) + number for number, split in enumerate(("train", "test"))}
    for split, array in arrays.items():
        (folder / split).mkdir()
        np.save(folder / split / f"of-{split}.npy", array)
    backbone = build_backbone(of_features(folder / "{split}" / "of-{split}.npy"), data)
    for split, array in arrays.items():
        np.testing.assert_array_equal(read_whole(backbone, split), array)


def test_the_recorded_features_of_a_run_train_another(shuffled, tmp_path):
    folder, data, *_ = shuffled
    arrays = {split: features_of(15) + number for number, split in enumerate(("train", "test"))}
    labels = {split: part.labels for split, part in data.splits.items()}
    embedlens.Recorder(tmp_path / "before", labels=labels, pretrained=arrays)
    backbone = build_backbone(of_features(tmp_path / "before"), data)
    for split, array in arrays.items():
        np.testing.assert_array_equal(read_whole(backbone, split), array)
    embedlens.Recorder(tmp_path / "bare", labels=labels)
    with pytest.raises(InputError, match=r"^no pretrained features in .*bare; a run has them where"):
        build_backbone(of_features(tmp_path / "bare"), data)


def test_the_features_of_a_run_on_other_items_are_refused(shuffled, tmp_path):
    folder, data, *_ = shuffled
    arrays = {split: features_of(15) for split in ("train", "test")}
    labels = {split: part.labels for split, part in data.splits.items()}
    swapped = {"train": labels["train"], "test": np.sort(labels["test"])}
    assert not np.array_equal(swapped["test"], labels["test"])
    embedlens.Recorder(tmp_path / "other", labels=swapped, pretrained=arrays)
    assert refused_features(data, tmp_path / "other") == (
        f"run {tmp_path / 'other'} has other items in split 'test' than data set 'csv' has here; "
        "its features are of another --split-by or another data set"
    )
    renamed = {split: 7 * value + 3 for split, value in labels.items()}  # the same classes by other numbers
    embedlens.Recorder(tmp_path / "renamed", labels=renamed, pretrained=arrays)
    build_backbone(of_features(tmp_path / "renamed"), data)


def test_half_precision_features_are_read_as_they_are(shuffled):
    folder, data, array, labels = shuffled
    np.save(folder / "half.npy", array.astype(np.float16))
    found = read_whole(build_backbone(of_features(folder / "half.npy"), data), "test")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, array.astype(np.float16)[labels >= 3].astype(np.float32))


def refused_features(data, text, **options):
    with pytest.raises(InputError) as refused:
        build_backbone(of_features(text, **options), data)
    return str(refused.value)


def test_features_of_another_number_of_items_are_refused(shuffled):
    folder, data, array, _ = shuffled
    np.save(folder / "short.npy", array[:29])
    assert refused_features(data, folder / "short.npy") == (
        f"{folder / 'short.npy'} has 29 rows, but the data set has 30 items; one row per item is needed"
    )
    np.save(folder / "train.npy", array[:15])
    np.save(folder / "test.npy", array)
    assert refused_features(data, folder / "{split}.npy") == (
        f"{folder / 'test.npy'} has 30 rows, but split 'test' has 15 items; one row per item is needed"
    )


def test_features_of_unequal_dims_are_refused(shuffled):
    folder, data, array, _ = shuffled
    np.save(folder / "train.npy", array[:15])
    np.save(folder / "test.npy", array[:15, :4])
    assert refused_features(data, folder / "{split}.npy") == (
        f"features of unequal dims: {folder / 'train.npy'} 5, {folder / 'test.npy'} 4; one network computes "
        "one number"
    )


def test_missing_features_are_refused(shuffled):
    folder, data, *_ = shuffled
    assert refused_features(data, folder / "no.npy") == f"no such file of features: {folder / 'no.npy'}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda array: array.astype(np.int64), "embeddings are int64; floating-point numbers are needed"),
        (lambda array: array[:, 0], "embeddings have shape (30,); one row per item is needed: shape (N, D)"),
        (lambda array: array * np.where(np.arange(30) == 7, np.nan, 1)[:, None], "row 7 holds NaN"),
        (lambda array: array * (np.arange(30) != 9)[:, None], "row 9 is a zero vector"),
    ],
)
def test_what_cannot_be_features_is_refused_with_the_file(shuffled, change, message):
    folder, data, array, _ = shuffled
    np.save(folder / "odd.npy", change(array))
    assert refused_features(data, folder / "odd.npy").startswith(f"{folder / 'odd.npy'}: {message}")


def test_what_is_no_npy_file_is_refused(shuffled):
    folder, data, *_ = shuffled
    (folder / "odd.npy").write_bytes(b"no array")
    assert refused_features(data, folder / "odd.npy").startswith(f"{folder / 'odd.npy'}: not a .npy array")


def test_features_have_no_image_size(shuffled):
    folder, data, *_ = shuffled
    told = refused_features(data, folder / "all.npy", image_size=32)
    assert told == f"--image-size is for images; 'features:{folder / 'all.npy'}' reads none"


def test_labels_without_images_train_on_features(shuffled):
    folder, _, array, labels = shuffled
    config = TrainConfig(
        data="csv", root=str(folder / "items.csv"), backbone=f"features:{folder / 'all.npy'}", epochs=2,
        dim=4, classes_per_batch=3, items_per_class=3, lr=0.05,
    )  # fmt: skip
    run = train(folder / "run", config)
    assert run.epochs() == [0, 1, 2]
    assert run.thumbnails("test") is None
    np.testing.assert_array_equal(run.pretrained("train"), array[labels < 3])
    np.testing.assert_array_equal(run.pretrained("test"), array[labels >= 3])
    state = torch.load(folder / "run" / "checkpoint.pt", weights_only=True)["network"]
    weight, bias = (state[f"network.embedding.{name}"].numpy() for name in ("weight", "bias"))
    embeddings = run.snapshot("test", -1).embeddings
    np.testing.assert_allclose(embeddings, array[labels >= 3] @ weight.T + bias, rtol=1e-4, atol=1e-5)
    assert run.method["backbone"] == f"features:{folder / 'all.npy'}"


def test_hidden_layers_lie_between_features_and_embedding(shuffled):
    folder, data, array, labels = shuffled
    choice = of_features(folder / "all.npy", hidden="6, 3")
    backbone = build_backbone(choice, data)
    assert (backbone.width, backbone.pretrained) == (3, False)
    first, _, second, _ = backbone.module
    x = torch.from_numpy(array)
    hidden = torch.relu(x @ first.weight.T + first.bias)
    last = torch.relu(hidden @ second.weight.T + second.bias)
    torch.testing.assert_close(backbone.module(x), last)
    stages = backbone.stages()
    assert stages.widths == (WIDTH, 6, 3)
    for found, expected in zip(stages(x), (x, hidden, last), strict=True):
        torch.testing.assert_close(found, expected)


def test_the_features_under_hidden_layers_are_the_state_before_training(shuffled):
    folder, _, array, labels = shuffled
    config = TrainConfig(
        data="csv", root=str(folder / "items.csv"), backbone=f"features:{folder / 'all.npy'}", hidden="6",
        epochs=1, dim=4, classes_per_batch=3, items_per_class=3,
    )  # fmt: skip
    run = train(folder / "run", config)
    np.testing.assert_array_equal(run.pretrained("test"), array[labels >= 3])
    assert run.method["hidden"] == "6"
    state = torch.load(folder / "run" / "checkpoint.pt", weights_only=True)["network"]
    weights = [state[f"network.{name}.weight"].numpy() for name in ("features.0", "embedding")]
    biases = [state[f"network.{name}.bias"].numpy() for name in ("features.0", "embedding")]
    hidden = np.maximum(array[labels >= 3] @ weights[0].T + biases[0], 0)
    expected = hidden @ weights[1].T + biases[1]
    np.testing.assert_allclose(run.snapshot("test", -1).embeddings, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["divide-conquer", "dvml", "dreml", "hdc"])
def test_every_method_has_hidden_layers(shuffled, method):
    folder, *_ = shuffled
    options = {
        "divide-conquer": {"clusters": 2}, "dvml": {}, "dreml": {"learners": 2, "meta_classes": 2},
        "hdc": {"heads": 2},
    }[method]  # fmt: skip
    config = TrainConfig(
        data="csv", root=str(folder / "items.csv"), backbone=f"features:{folder / 'all.npy'}", hidden="6",
        epochs=1, dim=4, classes_per_batch=3, items_per_class=3, method=method, method_options=options,
        loss={"dreml": "softmax", "hdc": "contrastive"}.get(method, "triplet"),
    )  # fmt: skip
    assert train(folder / "run", config).snapshot("test", 1).embeddings.shape == (15, 4)


@pytest.mark.parametrize("text", ["", "0", "6,", "six", "65537", "1.5"])
def test_what_is_no_width_of_a_hidden_layer_is_refused(shuffled, text):
    folder, data, *_ = shuffled
    assert refused_features(data, folder / "all.npy", hidden=text) == (
        f"hidden is {text!r}; numbers from 1 to 65,536 are needed, comma-separated, e.g. 512"
    )


def test_hidden_layers_are_those_of_features():
    with pytest.raises(InputError, match="^--hidden is for features backbones; 'small' has no use for it$"):
        check_backbone(NetworkChoice(hidden="6"))


def test_features_train_where_images_are_missing(tmp_path):
    """The data set lists images, of which none is there."""
    root = layouts.csv_list(tmp_path / "data")
    for file in (root / "photos").iterdir():
        file.unlink()
    np.save(tmp_path / "all.npy", features_of(24))
    config = TrainConfig(
        data="csv", root=str(root), backbone=f"features:{tmp_path / 'all.npy'}", epochs=1, dim=4,
        classes_per_batch=3, items_per_class=2,
    )  # fmt: skip
    run = train(tmp_path / "run", config)
    assert run.epochs() == [0, 1]
    assert run.thumbnails("train") is None


class _Malicious:
    """Unpickling it makes a folder."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        import os

        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_never_run_code(birds, tmp_path, zipped):
    mark = tmp_path / "done"
    file = tmp_path / "weights.pth"
    torch.save({"state_dict": _Malicious(mark)}, file, _use_new_zipfile_serialization=zipped)
    assert "cannot be read as weights" in refused_weights(birds, file)
    assert not mark.exists()


def test_the_oldest_timm_is_told_to_read_tensors_only(birds, saved, monkeypatch):
    """timm 1.0.20, the oldest that pyproject allows, unpickles by default."""
    import timm.models

    file, _ = saved
    load, told = timm.models.load_state_dict, []

    def old(path, use_ema=True, device="cpu", weights_only=False):
        told.append(weights_only)
        return load(path, use_ema, device, weights_only=weights_only)

    monkeypatch.setattr(timm.models, "load_state_dict", old)
    build_backbone(replace(RANDOM, weights=str(file)), birds)
    assert told == [True]
