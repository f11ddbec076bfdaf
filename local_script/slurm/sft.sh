#!/usr/bin/env bash
#SBATCH --job-name=videokr-sft
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
# SFT on all nodes of the job; in the repository's root:
#   sbatch --nodes=4 local_script/slurm/sft.sh qwen3vl dataset=data/raw/VideoKR-COT-201K.jsonl
# Its words and variables: bash local_script/train_videokr.sh --help
# CLUSTER_ENV is a file with variables of the cluster (docs/cluster.md); without it, local_script/slurm/cluster.env.
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
[[ -e local_script/slurm/nodes.sh ]] || { echo "error: submit it in the repository's root" >&2 && exit 2; }
# shellcheck source=local_script/slurm/nodes.sh
source local_script/slurm/nodes.sh
check_nodes sft llamafactory "$@" "${MODEL_NAME_OR_PATH:-}" "${DATASET_DIR:-data}"
run_on_nodes bash local_script/train_videokr.sh "$@"
