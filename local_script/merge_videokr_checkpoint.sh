#!/usr/bin/env bash
# Merges a verl checkpoint, or an adapter of SFT, into a Hugging Face folder that every host loads, and says how many
# tensors differ from the model before training:
#   bash local_script/merge_videokr_checkpoint.sh CHECKPOINT_DIR [TARGET_DIR]
# CHECKPOINT_DIR is .../checkpoints/global_step_N/actor, of a run with or without LoRA, or the output_dir of SFT with
# finetuning_type=lora; TARGET_DIR is CHECKPOINT_DIR/huggingface unless given. The settings are of verl checkpoints:
# BACKEND=fsdp|megatron TRUST_REMOTE_CODE=0|1 USE_CPU_INITIALIZATION=0|1 HF_UPLOAD_PATH=owner/name PRIVATE=0|1
# TIE_WORD_EMBEDDING=0|1 IS_VALUE_MODEL=0|1 (both megatron). DRY_RUN=1 prints the command.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"

(($# <= 2)) || die "too many arguments: CHECKPOINT_DIR [TARGET_DIR]"
cd "${REPO_DIR}"
CHECKPOINT_DIR="${1:-${CHECKPOINT_DIR:-}}"
[[ -n "${CHECKPOINT_DIR}" ]] || die "no CHECKPOINT_DIR given: usually .../checkpoints/global_step_N/actor"
CHECKPOINT_DIR="${CHECKPOINT_DIR%/}"
TARGET_DIR="${2:-${TARGET_DIR:-${CHECKPOINT_DIR}/huggingface}}"
TARGET_DIR="${TARGET_DIR%/}"
BACKEND="${BACKEND:-fsdp}"
[[ ! -f "${CHECKPOINT_DIR}/adapter_config.json" ]] || BACKEND=peft # what SFT with LoRA leaves

[[ "${BACKEND}" =~ ^(fsdp|megatron|peft)$ ]] || die "BACKEND is '${BACKEND}': fsdp or megatron"
if ! is_on DRY_RUN; then
  [[ -d "${CHECKPOINT_DIR}" ]] || die "checkpoint '${CHECKPOINT_DIR}' is not there"
  if [[ "${BACKEND}" == fsdp && -f "${CHECKPOINT_DIR}/config.json" ]] && compgen -G "${CHECKPOINT_DIR}/*.safetensors" >/dev/null; then
    die "'${CHECKPOINT_DIR}' is a whole model already: nothing is to be merged, use it as it is"
  fi
  [[ "${BACKEND}" == peft || -f "${CHECKPOINT_DIR}/huggingface/config.json" ]] ||
    die "'${CHECKPOINT_DIR}' has neither huggingface/config.json nor adapter_config.json: give .../checkpoints/global_step_N/actor of GRPO, or of SFT with LoRA its output_dir once it has ended, or a checkpoint-N in it"
  if [[ "${BACKEND}" == fsdp ]]; then
    compgen -G "${CHECKPOINT_DIR}/model_world_size_*_rank_0.pt" >/dev/null ||
      die "'${CHECKPOINT_DIR}' has no model_world_size_*_rank_0.pt: the checkpoint is not whole, or not from FSDP"
  fi
  if [[ -e "${TARGET_DIR}" && "${TARGET_DIR}" != "${CHECKPOINT_DIR}/huggingface" ]]; then
    [[ -d "${TARGET_DIR}" && -z "$(ls -A "${TARGET_DIR}")" ]] || die "target '${TARGET_DIR}' is there and not empty: give another"
  fi
fi

aside="${TARGET_DIR}.partial"
if [[ "${BACKEND}" == peft ]]; then
  stage_python sft llamafactory
  command=("${PYTHON}" -m llamafactory_plugin.merge "${CHECKPOINT_DIR}" "${aside}")
else
  stage_python rl verl
  merger=verl_plugin.merge
  [[ "${BACKEND}" == fsdp ]] || merger=verl.model_merger
  command=("${PYTHON}" -m "${merger}" merge --backend "${BACKEND}" --local_dir "${CHECKPOINT_DIR}" --target_dir "${aside}")
  is_on TRUST_REMOTE_CODE && command+=(--trust-remote-code)
  is_on USE_CPU_INITIALIZATION && command+=(--use_cpu_initialization)
  is_on TIE_WORD_EMBEDDING && command+=(--tie-word-embedding)
  is_on IS_VALUE_MODEL && command+=(--is-value-model)
  if [[ -n "${HF_UPLOAD_PATH:-}" ]]; then
    command+=(--hf_upload_path "${HF_UPLOAD_PATH}")
    is_on PRIVATE && command+=(--private)
  fi
fi
print_command "${command[@]}"

mkdir -p "$(dirname "${TARGET_DIR}")" 2>/dev/null || die "target '${TARGET_DIR}' cannot be made: give another"
rm -rf "${aside}"
trap 'rm -rf "${aside}"' EXIT
"${command[@]}" || {
  (($? != 2)) || exit 2 # has said why
  echo "error: '${CHECKPOINT_DIR}' could not be merged (see above): is every file of it whole?" >&2
  exit 1
}
compgen -G "${aside}/*.safetensors" >/dev/null || {
  echo "error: the merge ended without weights in '${aside}'" >&2
  exit 1
}
# What the run was trained with goes along: an evaluation says where it asks otherwise.
for card in "${CHECKPOINT_DIR}"{,/..,/../..}/videokr_training.json; do
  [[ ! -f "${card}" || -f "${aside}/videokr_training.json" ]] || cp "${card}" "${aside}/"
done
mkdir -p "${TARGET_DIR}"
mv -f "${aside}"/* "${TARGET_DIR}/"
rmdir "${aside}"
echo "merged: ${TARGET_DIR}"
