"""torchrun without its nodes; what it says of a process that dies is shown where stages run on several."""

import subprocess
import sys

import pytest
from checkout import ROOT
from slurm_job import free_port

pytestmark = pytest.mark.sft


@pytest.mark.parametrize(("rank", "told"), [("0", "Timed out after "), ("1", "The client socket has timed out ")])
def test_nodes_that_do_not_find_each_other_end_in_one_line(rank, told):
    nodes = ["--nnodes=2", f"--node_rank={rank}", "--master_addr=127.0.0.1", f"--master_port={free_port()}"]
    ran = subprocess.run(
        [sys.executable, "-m", "videokr.torchrun", *nodes, "--rdzv_conf=timeout=1", "-m", "json.tool"],
        cwd=ROOT, env={"PATH": "", "SLURMD_NODENAME": "node-c"}, capture_output=True, text=True,
    )  # fmt: skip
    *_, last = ran.stderr.splitlines()
    assert ran.returncode == 1 and last.startswith(f"error: node 'node-c': {told}"), ran.stderr
    assert "are all NNODES started, " in last and "Traceback" not in ran.stderr
