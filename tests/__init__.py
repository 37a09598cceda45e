import signal

from hypothesis import settings

# no test measures time, and a busy machine is no mistake
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# a job in the background of a shell ignores Ctrl-C, and so would every process that it starts
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
