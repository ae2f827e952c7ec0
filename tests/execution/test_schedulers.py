"""Names of schedulers, their options, and libraries that are missing."""

from __future__ import annotations

import pytest

from embedlens import InputError
from embedlens.execution import Workers
from embedlens.execution.schedulers import NAMES, _options
from embedlens_cli.common import completion


def test_without_workers_this_process_does_it():
    assert Workers.of() is None
    assert Workers.of(0) is None


def test_workers_by_name():
    assert (Workers.of(3).count, Workers.of(3).is_local) == (3, True)
    assert Workers.of(3, "processes").is_local
    assert (Workers.of(2, "dask").count, Workers.of(2, "dask").is_local) == (2, True)
    assert (Workers.of(0, "slurm").count, Workers.of(4, "slurm").count) == (16, 4)
    for elsewhere in (Workers.of(2, "slurm"), Workers.of(0, "tcp://10.0.0.1:8786")):
        assert not elsewhere.is_local
        assert elsewhere.threads is None


@pytest.mark.parametrize(
    ("count", "scheduler", "message"),
    [
        (2, "dsk", r"^unknown scheduler 'dsk'; did you mean 'dask'\? choose one of: processes, dask, slurm"),
        (2, "dask:8786", "unknown scheduler 'dask:8786'"),
        (2, "tcp://", "unknown scheduler 'tcp://'"),
        (2, "tcp://10.0.0.1", "unknown scheduler 'tcp://10.0.0.1'"),
        (0, "dask", "^--scheduler dask needs a number of workers; add --workers N$"),
        (0, "processes", "^--scheduler processes needs a number of workers"),
        (2, "slurm:gpu", "^--scheduler slurm:gpu; give options as NAME=VALUE, separated by commas"),
        (2, "slurm:partition=", "give options as NAME=VALUE"),
    ],
)
def test_what_is_no_scheduler_is_refused(count, scheduler, message):
    with pytest.raises(InputError, match=message):
        Workers.of(count, scheduler)


def test_options_of_jobs():
    assert _options("partition=gpu,timeout_min=60") == {"partition": "gpu", "timeout_min": 60}
    assert _options("") == {}


def test_the_shell_completes_the_names():
    assert completion.SCHEDULERS == NAMES
