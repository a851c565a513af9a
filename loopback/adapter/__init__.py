"""The base emulator, ministack 1.5.33, behind one package: no other module imports it or knows a name of it."""
