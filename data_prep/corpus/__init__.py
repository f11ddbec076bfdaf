"""Videos in, questions with answers and rationales out: what models are asked for, and every call to them."""
