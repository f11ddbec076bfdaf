"""People look at records: how many are wrong, whether people agree, which model gets a step, and what is changed."""
