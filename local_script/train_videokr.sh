#!/usr/bin/env bash
# Supervised fine-tuning through LLaMA-Factory with the published settings.
#
#   bash local_script/train_videokr.sh qwen2_5vl|qwen3vl|qwen3vl_moe|qwen3_5|qwen3_5_moe [agentic] [key=value ...]
#
# agentic trains dialogues that may look again (docs/dialogues.md) with VideoTemp-o3's settings: the last two responses of
# a row, three epochs, the projector too.
# MODEL_NAME_OR_PATH  checkpoint folder or hub id     default: the family's published base model
# DATASET_DIR         folder of dataset_info.json     default: data
# OUTPUT_DIR          checkpoint to write             default: saves/videokr/<family>_sft
# REPORT_TO           logger                          default: none
# FORCE_TORCHRUN      0 trains in one process         default: 1
# NPROC_PER_NODE NNODES NODE_RANK MASTER_ADDR MASTER_PORT are those of LLaMA-Factory's launcher.
# key=value sets any argument of LLaMA-Factory anew; dataset=FILE.jsonl trains a raw VideoKR file as it is.
# DRY_RUN=1 prints the command and stops; it checks these words and variables, and the family of a checkpoint folder.
set -euo pipefail
# shellcheck source=local_script/launch.sh
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"

cd "${REPO_DIR}" # relative paths start here, as published

recipe=()
case "${1:-}" in
  qwen2_5vl | qwen2.5vl) name=qwen2_5vl base=Qwen/Qwen2.5-VL-7B-Instruct ;;
  qwen3vl | qwen3_vl) name=qwen3vl base=Qwen/Qwen3-VL-8B-Instruct ;;
  qwen3vl_moe) name=qwen3vl_moe base=Qwen/Qwen3-VL-30B-A3B-Instruct ;;
  qwen3_5 | qwen3.5) name=qwen3_5 base=Qwen/Qwen3.5-9B ;;
  qwen3_5_moe) name=qwen3_5_moe base=Qwen/Qwen3.5-35B-A3B ;;
  *) die "unknown family '${1:-}': give qwen2_5vl, qwen3vl, qwen3vl_moe, qwen3_5 or qwen3_5_moe" ;;
esac
family="${name%_moe}"
# Adapters: docs/families.md has the memory of all weights.
if [[ "${name}" == *_moe ]]; then recipe=(finetuning_type=lora lora_rank=32 lora_target=all); fi
shift
if [[ "${1:-}" == agentic ]]; then
  recipe+=(dataset=videokr_dialogues loss_turns=2 num_train_epochs=3 freeze_multi_modal_projector=false)
  OUTPUT_DIR="${OUTPUT_DIR:-saves/videokr/${name}_dialogues}"
  shift
fi
model="${MODEL_NAME_OR_PATH:-${base}}"
for word in "$@"; do [[ "${word}" != model_name_or_path=* ]] || model="${word#*=}"; done
torchrun_nodes
[[ "${NPROC_PER_NODE:-1}" =~ ^([0-9]+|gpu|auto)$ ]] || die "NPROC_PER_NODE is '${NPROC_PER_NODE}': a number is needed"
stage_python sft llamafactory

command=("${PYTHON}")
training=(
  -m llamafactory_plugin.train "llamafactory_plugin/configs/${family}_sft.yaml"
  "model_name_or_path=${model}"
  "dataset_dir=${DATASET_DIR:-data}"
  "output_dir=${OUTPUT_DIR:-saves/videokr/${name}_sft}"
  "report_to=${REPORT_TO:-none}"
  "${recipe[@]}"
  "$@"
)
if [[ "${FORCE_TORCHRUN:-1}" =~ ^(1|true|y)$ ]]; then
  processes=1
  if command -v nvidia-smi >/dev/null; then
    processes=gpu # torchrun counts those that are visible
  fi
  command+=(-m videokr.torchrun --nproc_per_node "${NPROC_PER_NODE:-${processes}}" "${NODES[@]}")
fi
"${PYTHON}" -m videokr.family "${model}" "${name}"
print_command "${command[@]}" "${training[@]}"
if [[ "${command[*]}" == *torchrun* && "${NODE_RANK:-0}" == 0 ]]; then
  # What is wrong with the settings is then said once, not by every worker of every node.
  "${PYTHON}" -m llamafactory_plugin.train --check "${training[@]:2}"
fi
exec "${command[@]}" "${training[@]}"
