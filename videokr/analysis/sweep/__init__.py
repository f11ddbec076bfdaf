"""One model at several frame budgets."""
