import signal

from hypothesis import HealthCheck, settings

# No test measures time: on a busy machine neither a slow example nor slow drawing is a failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# a shell's background job ignores Ctrl-C, and so would every process that the tests start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
