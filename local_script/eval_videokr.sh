#!/usr/bin/env bash
# Evaluates a checkpoint with lmms-eval, answering with vLLM or with transformers alone.
#
#   VIDEOKR_MODEL=... bash local_script/eval_videokr.sh [--probe NAME] [--tool crop] [--skip-missing]
#
# --probe NAME (blind, single, four, shuffled, swapped) asks the same questions with no video, one frame, four frames, all
# frames in another order, or the video of another question: `videokr report` says how much of the score needs the video.
# --tool crop lets the model look at parts of its video again before it answers: docs/dialogues.md.
# --skip-missing goes on where videos are not there: their questions are not asked, and count as not right.
#
# VIDEOKR_MODEL                checkpoint folder or hub id (required)
# TASKS                        lmms-eval tasks, separated by commas         (videokr_eval)
# VIDEOKR_EVAL_ROOT            folder with VideoKR_eval.jsonl and the videos (else VIDEOKR_EVAL_REPO is downloaded)
# VIDEOKR_EVAL_FILE            another annotation file in it                (VideoKR_eval.jsonl)
# LIMIT                        ask only the first N questions
# FRAMES                       a sweep: as many runs as it has numbers, e.g. 16,32,64,128 frames at most, and a plot of them
# PROBE_SEED                   of what a probe draws                        (0)
# SYSTEM_PROMPT                the system turn's text, or a model's own published wording: videoauto-r1, onethinker, video-r1
# SEED                         of what the model draws                      (0)
# RUNS                         as many runs, with the seeds SEED, SEED+1, ..., and their mean and spread   (1)
# BACKEND                      vllm, or hf: transformers, far slower        (vllm)
# RUN_NAME OUTPUT_PATH         (the model's name; outputs/videokr/${RUN_NAME}_${BACKEND}, and _PROBE behind it)
# BATCH_SIZE                   prompts that transformers answers at once    (4); vLLM has a window of its own
# FPS MAX_FRAME_NUM MAX_PIXELS the video budget                             (2, 128, 200704 px a frame)
# SAMPLING                     frames even by index, or by time             (index)
# MAX_MODEL_LEN                context in tokens                            (32768)
# GEN_KWARGS                   over the task's, e.g. max_new_tokens=1024,temperature=0
# DATA_PARALLEL_SIZE           replicas on this node                        (one for TENSOR_PARALLEL_SIZE visible GPUs)
# NNODES NODE_RANK MASTER_ADDR MASTER_PORT   of torchrun, for several nodes with one OUTPUT_PATH; started on each
# TENSOR_PARALLEL_SIZE GPU_MEMORY_UTILIZATION   of vLLM                     (1, 0.85)
# ANSWER_FORM                  any-form, or tagged: only answers in their tags count   (any-form)
# VIDEOKR_USE_VLM_JUDGE        judge of open answers: 0 off, 1 required, unset: on when there are credentials
# API_TYPE MODEL_VERSION       openai|azure (openai), the judge's model     (gpt-4o)
# OPENAI_API_KEY OPENAI_BASE_URL | AZURE_API_KEY AZURE_ENDPOINT API_VERSION
# JUDGE_CONCURRENCY            judge requests at once                       (32)
# JUDGE_REQUEST_SECONDS JUDGE_SECONDS   time limits of a request, and of a verdict with its retries   (60, 120)
# JUDGE_MAX_REQUESTS           requests in all; what is over stays without a verdict    (as many as it takes)
# JUDGE_CACHE                  folder of verdicts, which are paid once      (OUTPUT_PATH/judge)
# VIDEOKR_CPU=1                run on the CPU, for small models
# DRY_RUN=1                    print the command and stop
#
# A .env file in the repository's root may hold the same names; what is set already wins.
# Exit status: 0 with results, 2 for a mistake of the user's, else 1.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=launch.sh
source "$(dirname "${BASH_SOURCE[0]}")/launch.sh"

# read_env_file FILE: sets what is not set yet from NAME=VALUE lines. Nothing in the file is executed or expanded.
read_env_file() {
  local line name value
  while IFS= read -r line || [[ -n "${line}" ]]; do
    line="${line%$'\r'}"
    [[ "${line}" =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || continue
    name="${BASH_REMATCH[2]}" value="${BASH_REMATCH[3]}"
    if [[ "${value}" =~ ^\"(.*)\"[[:space:]]*$ || "${value}" =~ ^\'(.*)\'[[:space:]]*$ ]]; then
      value="${BASH_REMATCH[1]}"
    fi
    [[ -v "${name}" ]] || export "${name}=${value}"
  done <"$1"
}

if [[ -f "${VIDEOKR_ENV_FILE:-${REPO_DIR}/.env}" ]]; then
  read_env_file "${VIDEOKR_ENV_FILE:-${REPO_DIR}/.env}"
fi

PROBE="" TOOL="" SKIP_MISSING=() GIVEN=("$@")
while [[ $# -gt 0 ]]; do
  case "$1" in
    --probe)
      PROBE="${2:-}"
      [[ "${PROBE}" =~ ^(blind|single|four|shuffled|swapped)$ ]] || die "--probe is '${PROBE}': blind, single, four, shuffled or swapped"
      shift
      ;;
    --tool)
      TOOL="${2:-}"
      [[ "${TOOL}" == crop ]] || die "--tool is '${TOOL}': crop"
      shift
      ;;
    --skip-missing) SKIP_MISSING=(--skip-missing) ;;
    *) die "takes no argument '$1': its settings are variables, e.g. LIMIT=10" ;;
  esac
  shift
done
cd "${REPO_DIR}"
[[ -n "${VIDEOKR_MODEL:-}" ]] || die "set VIDEOKR_MODEL to a checkpoint folder or a hub id"
[[ "${VIDEOKR_MODEL}" == *[,=]* ]] && die "model '${VIDEOKR_MODEL}': lmms-eval takes no ',' or '=' in it; rename it"
whole BATCH_SIZE MAX_FRAME_NUM MAX_PIXELS MAX_MODEL_LEN TENSOR_PARALLEL_SIZE DATA_PARALLEL_SIZE JUDGE_CONCURRENCY JUDGE_MAX_REQUESTS LIMIT RUNS
positive FPS GPU_MEMORY_UTILIZATION JUDGE_REQUEST_SECONDS JUDGE_SECONDS
torchrun_nodes
BACKEND="${BACKEND:-vllm}"
[[ "${BACKEND}" == vllm || "${BACKEND}" == hf ]] || die "BACKEND is '${BACKEND}': vllm or hf"
[[ "${BACKEND}" == vllm || -z "${TOOL}" ]] || die "BACKEND=hf answers in one round: --tool is for vllm"
[[ "${BACKEND}" == vllm || "${TENSOR_PARALLEL_SIZE:-1}" == 1 ]] || die "BACKEND=hf has one GPU a process: TENSOR_PARALLEL_SIZE is for vllm, DATA_PARALLEL_SIZE for both"
[[ -z "${PROBE}" || -z "${TOOL}" ]] || die "--probe takes away what --tool shows again: leave one out"
TASKS="${TASKS:-videokr_eval}"
if [[ -z "${RUN_NAME:-}" ]]; then
  RUN_NAME="$(basename "${VIDEOKR_MODEL}")"
  RUN_NAME="${RUN_NAME//[^A-Za-z0-9._-]/_}"
fi
OUTPUT_PATH="${OUTPUT_PATH:-outputs/videokr/${RUN_NAME}_${BACKEND}${PROBE:+_${PROBE}}${TOOL:+_${TOOL}}}"
[[ "${OUTPUT_PATH}" == *[,=]* ]] && die "OUTPUT_PATH '${OUTPUT_PATH}': lmms-eval takes no ',' or '=' in it; rename it"
export JUDGE_CACHE="${JUDGE_CACHE:-${OUTPUT_PATH}/judge}"
# Subtitles are those of the frames that are shown.
export FPS="${FPS:-2}" MAX_FRAME_NUM="${MAX_FRAME_NUM:-128}" SAMPLING="${SAMPLING:-index}"
MAX_PIXELS="${MAX_PIXELS:-200704}" MAX_MODEL_LEN="${MAX_MODEL_LEN:-32768}" PROBE_SEED="${PROBE_SEED:-0}" SEED="${SEED:-0}"
JUDGE_CONCURRENCY="${JUDGE_CONCURRENCY:-32}"
MODEL_ARGS="model=${VIDEOKR_MODEL}"
MODEL_ARGS+=",fps=${FPS},max_frame_num=${MAX_FRAME_NUM},max_pixels=${MAX_PIXELS},sampling=${SAMPLING}"
MODEL_ARGS+=",max_model_len=${MAX_MODEL_LEN}"
if [[ "${BACKEND}" == vllm ]]; then
  MODEL_ARGS+=",tensor_parallel_size=${TENSOR_PARALLEL_SIZE:-1},gpu_memory_utilization=${GPU_MEMORY_UTILIZATION:-0.85}"
fi
MODEL_ARGS+=",responses=${OUTPUT_PATH}/responses${PROBE:+,probe=${PROBE},probe_seed=${PROBE_SEED}}${TOOL:+,tool=${TOOL}}"
for name in PROBE_SEED SEED; do
  [[ "${!name}" =~ ^(0|[1-9][0-9]*)$ ]] || die "${name} is '${!name}': a whole number is needed"
done
[[ "${SEED}" == 0 ]] || MODEL_ARGS+=",seed=${SEED}" # 0 is the engines' own: responses stay found by what they follow from
stage_python eval lmms_eval

# A sweep is this script once for every number of frames, then one plot.
if [[ -n "${FRAMES:-}" ]]; then
  [[ "${RUNS:-1}" == 1 ]] || die "FRAMES and RUNS are both set: one at a time"
  [[ "${FRAMES}" =~ ^[1-9][0-9]*(,[1-9][0-9]*)+$ ]] || die "FRAMES is '${FRAMES}': two numbers or more are needed, e.g. 16,32,64,128"
  SWEPT=()
  for frames in ${FRAMES//,/ }; do
    FRAMES="" MAX_FRAME_NUM="${frames}" OUTPUT_PATH="${OUTPUT_PATH}/frames_${frames}" \
      bash "${BASH_SOURCE[0]}" "${GIVEN[@]}"
    SWEPT+=("${OUTPUT_PATH}/frames_${frames}")
  done
  is_on DRY_RUN || "${PYTHON}" -m videokr sweep "${SWEPT[@]}" --figure "${OUTPUT_PATH}/sweep.png"
  exit
fi

# Repeats are this script once for every seed, then their mean.
if [[ "${RUNS:-1}" != 1 ]]; then
  REPEATED=()
  for ((seed = SEED; seed < SEED + 10#${RUNS}; seed++)); do
    RUNS="" SEED="${seed}" OUTPUT_PATH="${OUTPUT_PATH}/run_${seed}" bash "${BASH_SOURCE[0]}" "${GIVEN[@]}"
    REPEATED+=("${OUTPUT_PATH}/run_${seed}")
  done
  is_on DRY_RUN || "${PYTHON}" -m videokr runs "${REPEATED[@]}" --output "${OUTPUT_PATH}/runs.json"
  exit
fi

if [[ -z "${DATA_PARALLEL_SIZE:-}" ]]; then
  GPUS=0
  if ! is_on VIDEOKR_CPU; then
    # A dry run may be where no torch is.
    GPUS="$("${PYTHON}" -c 'import importlib.util as u; print(__import__("torch").cuda.device_count() if u.find_spec("torch") else 0)')"
  fi
  DATA_PARALLEL_SIZE=$((GPUS / ${TENSOR_PARALLEL_SIZE:-1}))
  [[ "${DATA_PARALLEL_SIZE}" != 0 ]] || DATA_PARALLEL_SIZE=1
fi
export TOOL # the system turn tells of it
SETTINGS=(${SYSTEM_PROMPT:+"SYSTEM_PROMPT=${SYSTEM_PROMPT}"} ${TOOL:+"TOOL=${TOOL}"})
HOST=("${PYTHON}" -m)
if [[ "${DATA_PARALLEL_SIZE}" != 1 || "${NNODES:-1}" != 1 ]]; then
  # One process a replica. They exchange only counts and texts, so that is done without a GPU.
  SETTINGS+=("ACCELERATE_USE_CPU=true" "VLLM_WORKER_MULTIPROC_METHOD=spawn")
  HOST=("${PYTHON}" -m videokr.torchrun --nproc_per_node "${DATA_PARALLEL_SIZE}" "${NODES[@]}" -m)
fi
if is_on VIDEOKR_CPU; then
  if [[ "${BACKEND}" == vllm ]]; then MODEL_ARGS+=",dtype=$(cpu_dtype "${VIDEOKR_MODEL}")"; else MODEL_ARGS+=",dtype=float32"; fi
  SETTINGS+=("OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}" "CUDA_VISIBLE_DEVICES=")
  if [[ "${BACKEND}" == vllm ]]; then
    MODEL_ARGS+=",enforce_eager=True"
    SETTINGS+=("VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-1}" "VLLM_CPU_OMP_THREADS_BIND=nobind")
    SETTINGS+=("VLLM_LOGGING_LEVEL=${VLLM_LOGGING_LEVEL:-ERROR}")
    # One process is started in less time; replicas need an engine of their own beside torch.distributed's process group.
    [[ "${HOST[*]}" == *torchrun* ]] || SETTINGS+=("VLLM_ENABLE_V1_MULTIPROCESSING=0")
  fi
fi
COMMAND=(env "${SETTINGS[@]}" "${HOST[@]}" lmms_eval
  --model "videokr_${BACKEND}" --model_args "${MODEL_ARGS}"
  --include_path "${OUTPUT_PATH}/tasks" --tasks "${TASKS}" --batch_size "${BATCH_SIZE:-4}"
  --log_samples --log_samples_suffix "videokr_${RUN_NAME}_${BACKEND}" --output_path "${OUTPUT_PATH}"
  --process_docs_parallel "${JUDGE_CONCURRENCY}")
LIMITS=()
if [[ -n "${LIMIT:-}" ]]; then
  LIMITS=(--limit "${LIMIT}")
fi
COMMAND+=("${LIMITS[@]}")
if [[ -n "${GEN_KWARGS:-}" ]]; then
  COMMAND+=(--gen_kwargs "${GEN_KWARGS}")
fi
"${PYTHON}" -m videokr.family "${VIDEOKR_MODEL}" >/dev/null
print_command "${COMMAND[@]}"

"${PYTHON}" -m lmms_eval_tasks.preflight \
  --model "${VIDEOKR_MODEL}" --backend "${BACKEND}" --tasks "${TASKS}" --task-dir "${OUTPUT_PATH}/tasks" "${LIMITS[@]}" \
  --fps "${FPS}" --max-frames "${MAX_FRAME_NUM}" --max-pixels "${MAX_PIXELS}" --sampling "${SAMPLING}" --max-model-len "${MAX_MODEL_LEN}" \
  --probe "${PROBE}" --probe-seed "${PROBE_SEED}" --seed "${SEED}" --gen-kwargs "${GEN_KWARGS:-}" "${SKIP_MISSING[@]}"
STARTED="$(mktemp)"
trap 'rm -f "${STARTED}"' EXIT
"${COMMAND[@]}"
[[ "${NODE_RANK:-0}" == 0 ]] || exit 0 # the first node has the results
# lmms-eval exits 0 whatever happened; only its results say that it is done.
"${PYTHON}" -m lmms_eval_tasks.results --output-path "${OUTPUT_PATH}" --tasks "${TASKS}" --newer-than "${STARTED}"
