#!/usr/bin/env bash
# GRPO with verl and vLLM rollouts:
#   MODEL_PATH=... N_GPUS=8 bash local_script/train_videokr_grpo.sh [hydra overrides]
# Settings: verl_plugin/config/videokr_grpo.yaml; the variables below change one each. DRY_RUN=1 prints the command.
# VIDEO_MANIFEST=FILE, of videokr check --level probe, spares the start of the run reading videos' headers.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
cd "${REPO_DIR}"

[[ -n "${MODEL_PATH:-}" ]] ||
  die "MODEL_PATH is not set: give the SFT checkpoint, e.g. MODEL_PATH=saves/videokr/qwen3vl_sft"

DATA_DIR="${DATA_DIR:-data/videokr_rl}"
TRAIN_FILE="${TRAIN_FILE:-${DATA_DIR}/train.parquet}"
VAL_FILE="${VAL_FILE:-${DATA_DIR}/test.parquet}"
for file in "${TRAIN_FILE}" "${VAL_FILE}"; do
  [[ -f "${file}" ]] || is_on DRY_RUN ||
    die "'${file}' is not there: prepare it with local_script/prepare_videokr_rl_data.py, or set DATA_DIR"
done
[[ -z "${VIDEO_MANIFEST:-}" || -f "${VIDEO_MANIFEST}" ]] || is_on DRY_RUN ||
  die "VIDEO_MANIFEST '${VIDEO_MANIFEST}' is no file: videokr check --level probe writes one"
whole N_GPUS N_GPUS_PER_NODE NNODES TRAIN_BATCH_SIZE MAX_PROMPT_LENGTH MAX_RESPONSE_LENGTH ROLLOUT_N ROLLOUT_TP \
  PPO_MINI_BATCH_SIZE PPO_MICRO_BATCH_SIZE_PER_GPU LOGPROB_MICRO_BATCH_SIZE_PER_GPU TOTAL_EPOCHS
positive LR ROLLOUT_GPU_MEM_UTIL
numeric KL_LOSS_COEF
PROJECT_NAME="${PROJECT_NAME:-videokr_grpo}"
EXPERIMENT_NAME="${EXPERIMENT_NAME:-videokr_qwen_vl}"
OUTPUT_DIR="${OUTPUT_DIR:-outputs/${PROJECT_NAME}/${EXPERIMENT_NAME}}"

config=videokr_grpo
settings=("VERL_FILE_LOGGER_PATH=${VERL_FILE_LOGGER_PATH:-${OUTPUT_DIR}/metrics.jsonl}") # of trainer.logger=[file]
if is_on VIDEOKR_CPU; then
  config=videokr_grpo_cpu
  settings+=(VERL_PLATFORM=cpu)
  settings+=("VERL_USE_EXTERNAL_MODULES=verl_plugin.cpu${VERL_USE_EXTERNAL_MODULES:+,${VERL_USE_EXTERNAL_MODULES}}")
  settings+=("VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-1}" VLLM_CPU_OMP_THREADS_BIND=nobind)
  settings+=("OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}")
fi
stage_python rl verl

# quoted TEXT: a Hydra string, whatever it holds. A backslash is itself, but before a quote or ${.
quoted() {
  local text
  text="$(sed -e 's/\(\\*\)"/\1\1\\"/g' -e 's/\(\\*\)$/\1\1/' <<<"$1")"
  printf '"%s"' "${text//\$\{/\\\$\{}"
}

actor=actor_rollout_ref.actor
rollout=actor_rollout_ref.rollout
command=(
  env "${settings[@]}" "${PYTHON}" -m verl_plugin.train
  --config-dir "${REPO_DIR}/verl_plugin/config" --config-name "${config}"
  "data.train_files=$(quoted "${TRAIN_FILE}")"
  "data.val_files=$(quoted "${VAL_FILE}")"
  "actor_rollout_ref.model.path=$(quoted "${MODEL_PATH}")"
  "${rollout}.agent.agent_loop_config_path=$(quoted "${REPO_DIR}/verl_plugin/config/agent_loops.yaml")"
  "data.train_batch_size=${TRAIN_BATCH_SIZE:-32}"
  "data.max_prompt_length=${MAX_PROMPT_LENGTH:-16384}"
  "data.max_response_length=${MAX_RESPONSE_LENGTH:-2048}"
  "${actor}.optim.lr=${LR:-5e-6}"
  "${actor}.kl_loss_coef=${KL_LOSS_COEF:-0.01}"
  "${actor}.ppo_mini_batch_size=${PPO_MINI_BATCH_SIZE:-8}"
  "${actor}.ppo_micro_batch_size_per_gpu=${PPO_MICRO_BATCH_SIZE_PER_GPU:-4}"
  "${actor}.fsdp_config.param_offload=${PARAM_OFFLOAD:-False}"
  "${actor}.fsdp_config.optimizer_offload=${OPTIMIZER_OFFLOAD:-False}"
  "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=${LOGPROB_MICRO_BATCH_SIZE_PER_GPU:-8}"
  "${rollout}.log_prob_micro_batch_size_per_gpu=${LOGPROB_MICRO_BATCH_SIZE_PER_GPU:-8}"
  "${rollout}.n=${ROLLOUT_N:-8}"
  "${rollout}.tensor_model_parallel_size=${ROLLOUT_TP:-1}"
  "${rollout}.gpu_memory_utilization=${ROLLOUT_GPU_MEM_UTIL:-0.6}"
  "trainer.project_name=$(quoted "${PROJECT_NAME}")"
  "trainer.experiment_name=$(quoted "${EXPERIMENT_NAME}")"
  "trainer.nnodes=${NNODES:-1}"
  "trainer.save_freq=${SAVE_FREQ:-20}"
  "trainer.test_freq=${TEST_FREQ:-20}"
  "trainer.total_epochs=${TOTAL_EPOCHS:-1}"
  "trainer.logger=${TRAINER_LOGGER:-[\"console\"]}"
  "trainer.default_local_dir=$(quoted "${OUTPUT_DIR}/checkpoints")"
  "trainer.rollout_data_dir=$(quoted "${OUTPUT_DIR}/rollout_data")"
)
if [[ "${config}" == videokr_grpo ]]; then
  command+=(
    "trainer.n_gpus_per_node=${N_GPUS_PER_NODE:-${N_GPUS:-8}}"
    "${rollout}.enforce_eager=${ENFORCE_EAGER:-False}"
  )
fi
[[ -z "${VIDEO_MANIFEST:-}" ]] || command+=("+data.video_manifest=$(quoted "${VIDEO_MANIFEST}")")
command+=("$@")

print_command "${command[@]}"
"${PYTHON}" -m videokr.family "${MODEL_PATH}"
if is_on VIDEOKR_CPU; then
  # verl names a socket under /tmp after Ray's job, which is the first in every cluster of its own: two would share it.
  lock="${XDG_CACHE_HOME:-${HOME}/.cache}/videokr/grpo.lock"
  mkdir -p "${lock%/*}" || die "'${lock%/*}' cannot be made"
  exec 8>"${lock}"
  flock --nonblock 8 || { echo "waiting for another GRPO run on this machine to end ..." && flock 8; }
fi
mkdir -p "${OUTPUT_DIR}/rollout_data" || die "OUTPUT_DIR '${OUTPUT_DIR}' cannot be made"
exec "${command[@]}"
