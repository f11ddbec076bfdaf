#!/usr/bin/env bash
#SBATCH --job-name=videokr-grpo
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
# GRPO on all nodes of the job, as one Ray cluster; in the repository's root:
#   MODEL_PATH=saves/videokr/qwen3vl_sft sbatch --nodes=4 local_script/slurm/grpo.sh
# Its words and variables: bash local_script/train_videokr_grpo.sh --help
# CLUSTER_ENV is a file with variables of the cluster (docs/cluster.md); without it, local_script/slurm/cluster.env.
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
[[ -e local_script/slurm/nodes.sh ]] || { echo "error: submit it in the repository's root" >&2 && exit 2; }
# shellcheck source=local_script/slurm/nodes.sh
source local_script/slurm/nodes.sh
check_nodes rl verl "$@" "${MODEL_PATH:-}" "${DATA_DIR:-data/videokr_rl}" "${VIDEO_MANIFEST:-}"
launcher=(bash local_script/train_videokr_grpo.sh "$@")
if is_on DRY_RUN; then exec "${launcher[@]}"; fi
DRY_RUN=1 "${launcher[@]}" >/dev/null # its checks, before Ray is started
run_on_ray rl verl "${launcher[@]}"
