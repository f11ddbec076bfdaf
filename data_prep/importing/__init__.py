"""Records of VideoKR's form out of data that is not VideoKR's."""
