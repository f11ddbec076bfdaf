"""What an evaluation gives, whatever host made it: verdicts, answered questions, runs and how sure one may be."""
