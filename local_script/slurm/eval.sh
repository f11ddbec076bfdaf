#!/usr/bin/env bash
#SBATCH --job-name=videokr-eval
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
# Evaluation on all nodes of the job, whose replicas share one queue of questions; in the repository's root:
#   VIDEOKR_MODEL=merged sbatch local_script/slurm/eval.sh
# Its words and variables: bash local_script/eval_videokr.sh --help
# CLUSTER_ENV is a file with variables of the cluster (docs/cluster.md); without it, local_script/slurm/cluster.env.
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
[[ -e local_script/slurm/nodes.sh ]] || { echo "error: submit it in the repository's root" >&2 && exit 2; }
# shellcheck source=local_script/slurm/nodes.sh
source local_script/slurm/nodes.sh
check_nodes eval lmms_eval "${VIDEOKR_MODEL:-}" "${VIDEOKR_EVAL_ROOT:-}"
run_on_nodes bash local_script/eval_videokr.sh "$@"
