#!/usr/bin/env bash
# Three steps of SFT, two of GRPO, merge and evaluation of a model of 2 billion random weights on one GPU, with the figures
# of each and the card's name; a stage that fails ends it. In under ten minutes (not tried yet on a GPU).
#   bash benchmarks/device.sh FOLDER [--tiny]
# --tiny: the demo's model on a CPU, to see that this script works.
set -euo pipefail
# shellcheck source=local_script/launch.sh
source "$(dirname "${BASH_SOURCE[0]}")/../local_script/launch.sh"

FOLDER="${1:-}"
[[ -n "${FOLDER}" ]] || die "give a folder for data, models and logs"
mkdir -p "${FOLDER}" || die "'${FOLDER}' cannot be made"
FOLDER="$(cd "${FOLDER}" && pwd)"
cd "${REPO_DIR}"
TINY=()
sft=(deepspeed=null max_steps=3 logging_steps=1 gradient_accumulation_steps=1 plot_loss=false preprocessing_num_workers=1)
grpo=(trainer.total_training_steps=2 trainer.save_freq=2 trainer.test_freq=-1 'trainer.logger=[console,file]'
  trainer.v1.max_rollout_probs_diff=1 data.train_batch_size=4 actor_rollout_ref.actor.ppo_mini_batch_size=4)
eval=(VIDEOKR_USE_VLM_JUDGE=0 GEN_KWARGS=max_new_tokens=64)
if [[ "${2:-}" == --tiny ]]; then
  TINY=(--tiny) CARD="a CPU"
  export VIDEOKR_CPU=1
  sft+=(use_cpu=true bf16=false flash_attn=sdpa video_maxlen=8 video_max_pixels=4096)
  mapfile -t demo < <(grep -E '^(data.max|\+data|actor_rollout_ref.*micro)' data_prep/demo/grpo.args)
  grpo+=("${demo[@]}")
  eval+=(MAX_MODEL_LEN=2048 MAX_PIXELS=4096 MAX_FRAME_NUM=8)
else
  CARD="$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)" || die "no GPU is to be seen: --tiny does without"
  grpo+=(data.max_response_length=256 actor_rollout_ref.rollout.gpu_memory_utilization=0.3)
fi

# stage NAME COMMAND...: runs it, its output in FOLDER/NAME.log, and prints its time.
stage() {
  local name="$1" start="${SECONDS}"
  shift
  "$@" >"${FOLDER}/${name}.log" 2>&1 || {
    tail -n 15 "${FOLDER}/${name}.log" >&2
    printf "error: %s failed; its output is in '%s'\n" "${name}" "${FOLDER}/${name}.log" >&2
    exit 1
  }
  printf '%s: %d s\n' "${name}" "$((SECONDS - start))"
}

rm -rf "${FOLDER:?}"/{sft,grpo,merged,eval}
stage_python sft llamafactory
own="${PYTHON}"
stage make "${own}" -m benchmarks.device make "${FOLDER}" "${TINY[@]}"
stage sft env MODEL_NAME_OR_PATH="${FOLDER}/model" OUTPUT_DIR="${FOLDER}/sft" FORCE_TORCHRUN=0 \
  bash local_script/train_videokr.sh qwen3vl "dataset=${FOLDER}/data/sft.jsonl" "${sft[@]}"
stage_python rl verl
stage prepare "${PYTHON}" local_script/prepare_videokr_rl_data.py --input_json "${FOLDER}/data/sft.jsonl" \
  --video_base_dir "${FOLDER}/data" --output_dir "${FOLDER}/data/rl" --val_size 2
stage grpo env MODEL_PATH="${FOLDER}/sft" DATA_DIR="${FOLDER}/data/rl" OUTPUT_DIR="${FOLDER}/grpo" N_GPUS=1 \
  bash local_script/train_videokr_grpo.sh "${grpo[@]}"
stage merge bash local_script/merge_videokr_checkpoint.sh "${FOLDER}/grpo/checkpoints/global_step_2/actor" "${FOLDER}/merged"
stage eval env "${eval[@]}" VIDEOKR_MODEL="${FOLDER}/merged" VIDEOKR_EVAL_ROOT="${FOLDER}/data" OUTPUT_PATH="${FOLDER}/eval" \
  DATA_PARALLEL_SIZE=1 bash local_script/eval_videokr.sh
"${own}" -m benchmarks.device show "${FOLDER}"
printf 'on %s, %d s in all; %s\n' "${CARD}" "${SECONDS}" "$("${own}" -c 'import torch; print("torch", torch.__version__)')"
