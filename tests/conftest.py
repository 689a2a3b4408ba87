"""What holds for every test: hypothesis measures no time, since a busy machine is no fault."""

from hypothesis import settings

settings.register_profile("fabnet", deadline=None)
settings.load_profile("fabnet")
