"""verl, entered by its public doors."""
