"""pytorch-metric-learning: the hooks of a trainer."""

import torch
from pytorch_metric_learning import losses, trainers
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

from embedlens.integrations import MetricLearningHooks

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
train = TensorDataset(x[:1200], y[:1200])
test = TensorDataset(x[1200:], y[1200:])
models = {
    "trunk": torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU()),
    "embedder": torch.nn.Linear(128, 16),
}

hooks = MetricLearningHooks("runs/pml", {"train": train, "test": test})
trainer = trainers.MetricLossOnly(
    models,
    {
        f"{name}_optimizer": torch.optim.Adam(model.parameters())
        for name, model in models.items()
    },
    batch_size=64,
    loss_funcs={"metric_loss": losses.TripletMarginLoss()},
    dataset=train,
    dataloader_num_workers=0,
    end_of_iteration_hook=hooks.end_of_iteration_hook,
    end_of_epoch_hook=hooks.end_of_epoch_hook,
)
hooks.before_training(trainer)
trainer.train(num_epochs=2)
