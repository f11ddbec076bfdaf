import importlib.util

if importlib.util.find_spec("hypothesis"):
    from hypothesis import settings

    # The same examples in every run, and no time limit on one: a busy machine is no fault of the code.
    settings.register_profile("videokr", deadline=None, derandomize=True)
    settings.load_profile("videokr")
