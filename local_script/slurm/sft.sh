#!/usr/bin/env bash
#SBATCH --job-name=videokr-sft
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
# SFT on all nodes of the job, in the repository's root, with the words and variables of train_videokr.sh:
#   sbatch --nodes=4 local_script/slurm/sft.sh qwen3vl dataset=data/raw/VideoKR-COT-201K.jsonl
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
# shellcheck source=local_script/slurm/nodes.sh
source local_script/slurm/nodes.sh
check_nodes sft llamafactory "$@" "${MODEL_NAME_OR_PATH:-}" "${DATASET_DIR:-data}"
run_on_nodes bash local_script/train_videokr.sh "$@"
