"""What the rollouts of a GRPO run say about it: why zeros are zeros, which groups teach nothing, signs of hacking."""
