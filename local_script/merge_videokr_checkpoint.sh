#!/usr/bin/env bash
# Merges a verl checkpoint into a Hugging Face folder that every host loads:
#   bash local_script/merge_videokr_checkpoint.sh CHECKPOINT_DIR [TARGET_DIR]
# CHECKPOINT_DIR is .../checkpoints/global_step_N/actor; TARGET_DIR is CHECKPOINT_DIR/huggingface unless given.
# BACKEND=fsdp|megatron TRUST_REMOTE_CODE=0|1 USE_CPU_INITIALIZATION=0|1 HF_UPLOAD_PATH=owner/name PRIVATE=0|1
# TIE_WORD_EMBEDDING=0|1 IS_VALUE_MODEL=0|1 (both megatron). DRY_RUN=1 prints the command.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"

case "${1:-}" in
  -h | --help)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac
CHECKPOINT_DIR="${1:-${CHECKPOINT_DIR:-}}"
[[ -n "${CHECKPOINT_DIR}" ]] || die "no CHECKPOINT_DIR given: usually .../checkpoints/global_step_N/actor"
CHECKPOINT_DIR="${CHECKPOINT_DIR%/}"
TARGET_DIR="${2:-${TARGET_DIR:-${CHECKPOINT_DIR}/huggingface}}"
TARGET_DIR="${TARGET_DIR%/}"
BACKEND="${BACKEND:-fsdp}"

[[ "${BACKEND}" == fsdp || "${BACKEND}" == megatron ]] || die "BACKEND is '${BACKEND}': fsdp or megatron"
[[ -d "${CHECKPOINT_DIR}" ]] || die "checkpoint '${CHECKPOINT_DIR}' is not there"
[[ -f "${CHECKPOINT_DIR}/huggingface/config.json" ]] ||
  die "'${CHECKPOINT_DIR}' has no huggingface/config.json: give the actor folder, .../checkpoints/global_step_N/actor"
if [[ "${BACKEND}" == fsdp ]]; then
  compgen -G "${CHECKPOINT_DIR}/model_world_size_*_rank_0.pt" >/dev/null ||
    die "'${CHECKPOINT_DIR}' has no model_world_size_*_rank_0.pt: the checkpoint is not whole, or not from FSDP"
fi
stage_python rl verl

aside="${TARGET_DIR}.partial"
command=("${PYTHON}" -m verl.model_merger merge --backend "${BACKEND}" --local_dir "${CHECKPOINT_DIR}" --target_dir "${aside}")
[[ "${TRUST_REMOTE_CODE:-0}" == "1" ]] && command+=(--trust-remote-code)
[[ "${USE_CPU_INITIALIZATION:-0}" == "1" ]] && command+=(--use_cpu_initialization)
[[ "${TIE_WORD_EMBEDDING:-0}" == "1" ]] && command+=(--tie-word-embedding)
[[ "${IS_VALUE_MODEL:-0}" == "1" ]] && command+=(--is-value-model)
if [[ -n "${HF_UPLOAD_PATH:-}" ]]; then
  command+=(--hf_upload_path "${HF_UPLOAD_PATH}")
  [[ "${PRIVATE:-0}" == "1" ]] && command+=(--private)
fi
print_command "${command[@]}"

rm -rf "${aside}"
"${command[@]}"
compgen -G "${aside}/*.safetensors" >/dev/null || {
  echo "error: the merge ended without weights in '${aside}'" >&2
  exit 1
}
mkdir -p "${TARGET_DIR}"
mv -f "${aside}"/* "${TARGET_DIR}/"
rmdir "${aside}"
echo "merged: ${TARGET_DIR}"
