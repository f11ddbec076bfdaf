#!/usr/bin/env bash
#SBATCH --job-name=videokr-data
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --no-kill
# A verb of data preparation with the CPUs of all nodes of the job, as one Ray cluster; in the repository's root:
#   sbatch local_script/slurm/data.sh check --data data/raw/VideoKR-RL.jsonl --videos data/videos --level probe --workers 256
# Verbs and flags: videokr --help
# CLUSTER_ENV is a file with variables of the cluster (docs/cluster.md); without it, local_script/slurm/cluster.env.
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
[[ -e local_script/slurm/nodes.sh ]] || { echo "error: submit it in the repository's root" >&2 && exit 2; }
[[ "$* " =~ ^(check|decontaminate|proxy build)\  ]] ||
  { echo "error: give check, decontaminate or proxy build: every other verb runs on one node" >&2 && exit 2; }
# shellcheck source=local_script/slurm/nodes.sh
source local_script/slurm/nodes.sh
check_nodes rl ray "$@"
stage_python rl ray
run_on_ray rl ray "${PYTHON}" -m videokr "$@" --engine ray
