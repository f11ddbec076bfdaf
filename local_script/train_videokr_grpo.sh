#!/usr/bin/env bash
# GRPO with verl and vLLM rollouts:
#   MODEL_PATH=... N_GPUS=8 bash local_script/train_videokr_grpo.sh [hydra overrides]
# Settings: verl_plugin/config/videokr_grpo.yaml; the variables below change one each (docs/recipes.md has a table:
# DATA_DIR OUTPUT_DIR TRAIN_BATCH_SIZE ROLLOUT_N LR KEEP_CHECKPOINTS NNODES TRAINER_LOGGER ...). VIDEOKR_CPU=1 runs on a
# CPU. DRY_RUN=1 prints the command and stops; it checks these variables, and that model and files are there.
# AGENTIC=1 lets the model look again at parts of its video, with VideoTemp-o3's settings: docs/dialogues.md.
# VIDEO_MANIFEST=FILE, of videokr check --level probe, spares the start of the run reading videos' headers.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"
cd "${REPO_DIR}"

[[ -n "${MODEL_PATH:-}" ]] ||
  die "MODEL_PATH is not set: give the SFT checkpoint, e.g. MODEL_PATH=saves/videokr/qwen3vl_sft"

AGENTIC="${AGENTIC:-0}"
if is_on AGENTIC; then
  DATA_DIR="${DATA_DIR:-data/videokr_dialogues_rl}" MAX_RESPONSE_LENGTH="${MAX_RESPONSE_LENGTH:-4096}"
  PROJECT_NAME="${PROJECT_NAME:-videokr_dialogues}"
fi
DATA_DIR="${DATA_DIR:-data/videokr_rl}"
TRAIN_FILE="${TRAIN_FILE:-${DATA_DIR}/train.parquet}"
VAL_FILE="${VAL_FILE:-${DATA_DIR}/test.parquet}"
for file in "${TRAIN_FILE}" "${VAL_FILE}"; do
  [[ -f "${file}" ]] ||
    die "'${file}' is not there: prepare it with local_script/prepare_videokr_rl_data.py, or set DATA_DIR"
done
[[ -z "${VIDEO_MANIFEST:-}" || -f "${VIDEO_MANIFEST}" ]] ||
  die "VIDEO_MANIFEST '${VIDEO_MANIFEST}' is no file: videokr check --level probe writes one"
whole N_GPUS N_GPUS_PER_NODE NNODES TRAIN_BATCH_SIZE MAX_PROMPT_LENGTH MAX_RESPONSE_LENGTH ROLLOUT_N ROLLOUT_TP \
  PPO_MINI_BATCH_SIZE PPO_MICRO_BATCH_SIZE_PER_GPU LOGPROB_MICRO_BATCH_SIZE_PER_GPU TOTAL_EPOCHS KEEP_CHECKPOINTS \
  AGENT_NUM_WORKERS
positive LR ROLLOUT_GPU_MEM_UTIL
numeric KL_LOSS_COEF
[[ "${MODEL_DTYPE:-fp32}" =~ ^(fp32|bf16)$ ]] || die "MODEL_DTYPE is '${MODEL_DTYPE}': fp32, or bf16 as published"
PROJECT_NAME="${PROJECT_NAME:-videokr_grpo}"
# The last two parts of the model's path: saves/videokr/qwen3vl_sft is videokr-qwen3vl_sft.
[[ "${MODEL_PATH%/}" =~ ([^/.][^/]*/)?([^/]*)$ ]]
EXPERIMENT_NAME="${EXPERIMENT_NAME:-${BASH_REMATCH[1]/\//-}${BASH_REMATCH[2]}}"
OUTPUT_DIR="${OUTPUT_DIR:-outputs/${PROJECT_NAME}/${EXPERIMENT_NAME}}"

config=videokr_grpo
settings=("VERL_FILE_LOGGER_PATH=${VERL_FILE_LOGGER_PATH:-${OUTPUT_DIR}/metrics.jsonl}") # of trainer.logger=[file]
if is_on VIDEOKR_CPU; then
  config=videokr_grpo_cpu
  settings+=(VERL_PLATFORM=cpu)
  settings+=("VERL_USE_EXTERNAL_MODULES=verl_plugin.cpu${VERL_USE_EXTERNAL_MODULES:+,${VERL_USE_EXTERNAL_MODULES}}")
  settings+=("VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-1}" VLLM_CPU_OMP_THREADS_BIND=nobind)
  settings+=("OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}")
  settings+=("VLLM_ENABLE_V1_MULTIPROCESSING=${VLLM_ENABLE_V1_MULTIPROCESSING:-0}") # else a process more, for one worker
fi
stage_python rl verl

# quoted TEXT: a Hydra string, whatever it holds. A backslash is itself, but before a quote or ${.
quoted() {
  local text
  text="$(sed -e 's/\(\\*\)"/\1\1\\"/g' -e 's/\(\\*\)$/\1\1/' <<<"$1")"
  printf '"%s"' "${text//\$\{/\\\$\{}"
}

command=(
  env "${settings[@]}" "${PYTHON}" -m verl_plugin.train
  --config-dir "${REPO_DIR}/verl_plugin/config" --config-name "${config}"
  "data.train_files=$(quoted "${TRAIN_FILE}")"
  "data.val_files=$(quoted "${VAL_FILE}")"
  "actor_rollout_ref.model.path=$(quoted "${MODEL_PATH}")"
  "actor_rollout_ref.rollout.agent.agent_loop_config_path=$(quoted "${REPO_DIR}/verl_plugin/config/agent_loops.yaml")"
  "trainer.project_name=$(quoted "${PROJECT_NAME}")"
  "trainer.experiment_name=$(quoted "${EXPERIMENT_NAME}")"
  "trainer.default_local_dir=$(quoted "${OUTPUT_DIR}/checkpoints")"
  "trainer.rollout_data_dir=$(quoted "${OUTPUT_DIR}/rollout_data")"
)

if is_on AGENTIC; then
  command+=(
    actor_rollout_ref.rollout.agent.default_agent_loop=videokr_dialogue
    reward.custom_reward_function.path=pkg://verl_plugin.dialogue_reward
  )
fi

# given VARIABLE KEY...: passes a variable on that is set; what is not stays as the configuration has it.
given() {
  local key
  for key in "${@:2}"; do
    [[ -z "${!1:-}" ]] || command+=("${key}=${!1}")
  done
}

# switch VARIABLE KEY: the same of one that is on or off.
switch() {
  local value=false
  [[ -n "${!1:-}" ]] || return 0
  if is_on "$1"; then value=true; fi
  command+=("$2=${value}")
}

actor=actor_rollout_ref.actor
rollout=actor_rollout_ref.rollout
given TRAIN_BATCH_SIZE data.train_batch_size
given MAX_PROMPT_LENGTH data.max_prompt_length
given MAX_RESPONSE_LENGTH data.max_response_length
given ATTN_IMPLEMENTATION ++actor_rollout_ref.model.override_config.attn_implementation
switch USE_REMOVE_PADDING actor_rollout_ref.model.use_remove_padding
switch USE_FUSED_KERNELS actor_rollout_ref.model.use_fused_kernels
given LR "${actor}.optim.lr"
given KL_LOSS_COEF "${actor}.kl_loss_coef"
given PPO_MINI_BATCH_SIZE "${actor}.ppo_mini_batch_size"
given PPO_MICRO_BATCH_SIZE_PER_GPU "${actor}.ppo_micro_batch_size_per_gpu"
given MODEL_DTYPE "${actor}.fsdp_config.model_dtype"
switch PARAM_OFFLOAD "${actor}.fsdp_config.param_offload"
switch OPTIMIZER_OFFLOAD "${actor}.fsdp_config.optimizer_offload"
given LOGPROB_MICRO_BATCH_SIZE_PER_GPU \
  {actor_rollout_ref.ref,"${rollout}"}.log_prob_micro_batch_size_per_gpu
given ROLLOUT_N "${rollout}.n"
given ROLLOUT_TP "${rollout}.tensor_model_parallel_size"
given ROLLOUT_GPU_MEM_UTIL "${rollout}.gpu_memory_utilization"
given AGENT_NUM_WORKERS "${rollout}.agent.num_workers"
given NNODES trainer.nnodes
given SAVE_FREQ trainer.save_freq
given KEEP_CHECKPOINTS trainer.max_actor_ckpt_to_keep
given TEST_FREQ trainer.test_freq
given TOTAL_EPOCHS trainer.total_epochs
given TRAINER_LOGGER trainer.logger
if [[ "${config}" == videokr_grpo ]]; then # one worker of each kind on a CPU
  N_GPUS="${N_GPUS_PER_NODE:-${N_GPUS:-}}"
  given N_GPUS trainer.n_gpus_per_node
  switch ENFORCE_EAGER "${rollout}.enforce_eager"
else
  command+=("${rollout}.dtype=$(cpu_dtype "${MODEL_PATH}")")
fi
[[ -z "${VIDEO_MANIFEST:-}" ]] || command+=("+data.video_manifest=$(quoted "${VIDEO_MANIFEST}")")
command+=("$@")

"${PYTHON}" -m videokr.family "${MODEL_PATH}"
print_command "${command[@]}"
if is_on VIDEOKR_CPU; then
  # verl names a socket under /tmp after Ray's job, which is the first in every cluster of its own: two would share it.
  lock="${XDG_CACHE_HOME:-${HOME}/.cache}/videokr/grpo.lock"
  mkdir -p "${lock%/*}" || die "'${lock%/*}' cannot be made"
  exec 8>"${lock}"
  flock --nonblock 8 || { echo "waiting for another GRPO run on this machine to end ..." && flock 8; }
fi
mkdir -p "${OUTPUT_DIR}/rollout_data" || die "OUTPUT_DIR '${OUTPUT_DIR}' cannot be made"
exec "${command[@]}"
