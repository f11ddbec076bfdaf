#!/usr/bin/env bash
#SBATCH --job-name=videokr-grpo
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
# GRPO on all nodes of the job, as one Ray cluster; in the repository's root, with the words and variables of
# train_videokr_grpo.sh:
#   MODEL_PATH=saves/videokr/qwen3vl_sft sbatch --nodes=4 local_script/slurm/grpo.sh
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
# shellcheck source=local_script/slurm/nodes.sh
source local_script/slurm/nodes.sh
check_nodes rl verl "$@" "${MODEL_PATH:-}" "${DATA_DIR:-data/videokr_rl}" "${VIDEO_MANIFEST:-}"
run_on_ray rl verl bash local_script/train_videokr_grpo.sh "$@"
