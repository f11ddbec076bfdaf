"""Where the published data is on the hub."""

TRAIN_DATASET, EVAL_DATASET = "minuzero/VideoKR-Train", "minuzero/VideoKR-Eval"
SFT_FILE, RL_FILE, EVAL_FILE = "VideoKR-COT-201K.jsonl", "VideoKR-RL-114K.jsonl", "VideoKR_eval.jsonl"

DATASETS = {"train": TRAIN_DATASET, "eval": EVAL_DATASET}
