from hypothesis import settings

# no test measures time, and a busy machine is no mistake
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
