"""Reads frames and draws them; never changes a run.

    hub         Hub: the process between the workers and those who watch
    server      what runs in it; access, commands, expression: who may say what
    plan        what workers are asked for; gathering: what they send; audience, pace, allowance: who gets it when
    recording   Recorder, Recording: frames in a folder
    client      Client: the hub's stream, for Python
    window      open_window: Open3D on this machine's screen
    image       write_image: one frame as PNG, with no display
    page/       what the browser gets

Import the module you need: the hub starts in a fraction of a second because nothing here loads a 3D library.
"""
